-- Frees the target that the spec names, or else the one that was held last: it is released again from the first step.
local spec = type(obj.spec) == "table" and obj.spec or {}
local held = type(obj.status) == "table" and type(obj.status.held) == "table" and obj.status.held or {}
local named, newest
for _, entry in ipairs(held) do
  if type(entry) == "table" and type(entry.release) == "string" then
    newest = newest or entry.release
    local is_declared = (spec.revision ~= nil and entry.revision == spec.revision)
      or (spec.deploymentId ~= nil and entry.deploymentId == spec.deploymentId)
    if is_declared then
      named = named or entry.release
    end
  end
end
local release = named or newest
if release == nil then
  error("no target of this ApiStage is held, so there is nothing to release again", 0)
end
if type(obj.metadata.annotations) ~= "table" then
  obj.metadata.annotations = {}
end
-- The version of the object makes each command a new value; two clicks on what one person sees are one command.
obj.metadata.annotations["stagecraft.dev/command"] = "retry/" .. release .. "/argocd-" .. obj.metadata.resourceVersion
return obj
