-- Empties the cache of the stage, once.
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "flush-cache/-" .. "/argocd-" .. obj.metadata.resourceVersion
return obj
