-- Lets a paused release go on from the step that it waits at.
local release = type(obj.status) == "table" and obj.status.release
if type(release) ~= "table" or type(release.id) ~= "string" then
  error("this ApiStage has had no release yet, so there is nothing to resume", 0)
end
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "resume/" .. release.id .. "/argocd-" .. obj.metadata.resourceVersion
return obj
