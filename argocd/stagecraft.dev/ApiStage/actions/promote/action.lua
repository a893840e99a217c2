-- Skips the steps, holds, approvals and checks that are left of the release.
local release = type(obj.status) == "table" and obj.status.release
if type(release) ~= "table" or type(release.id) ~= "string" then
  error("this ApiStage has had no release yet, so there is nothing to promote", 0)
end
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "promote/" .. release.id .. "/argocd-" .. obj.metadata.resourceVersion
return obj
