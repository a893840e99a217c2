-- Undoes the release; or, where a canary of somebody else is in its way, removes that canary.
local status = type(obj.status) == "table" and obj.status or {}
local what
if type(status.conditions) == "table" then
  for _, condition in pairs(status.conditions) do
    if type(condition) == "table" and condition.type == "Released" and condition.reason == "ForeignCanary" and type(status.canary) == "table" then
      what = status.canary.deploymentId
    end
  end
end
if type(what) ~= "string" and type(status.release) == "table" then
  what = status.release.id
end
if type(what) ~= "string" then
  error("this ApiStage has had no release yet, so there is nothing to abort", 0)
end
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "abort/" .. what .. "/argocd-" .. obj.metadata.resourceVersion
return obj
