-- Goes back to what was stable before, at once. What the spec names is held meanwhile.
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "rollback/-" .. "/argocd-" .. obj.metadata.resourceVersion
return obj
