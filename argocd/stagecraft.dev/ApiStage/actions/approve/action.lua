-- Approves what the release awaits: the step that it waits at, or its promotion.
local release = type(obj.status) == "table" and obj.status.release
if type(release) ~= "table" or type(release.id) ~= "string" then
  error("this ApiStage has had no release yet, so there is nothing to approve", 0)
end
if type(release.awaiting) ~= "string" then
  error("release " .. release.id .. " does not await an approval", 0)
end
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "approve/" .. release.id .. "/" .. release.awaiting .. "/argocd-" .. obj.metadata.resourceVersion
return obj
