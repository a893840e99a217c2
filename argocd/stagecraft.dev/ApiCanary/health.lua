-- Health of an ApiCanary: of the policy itself. How its release stands is the health of the ApiStage.
--
--   Healthy      it can be used; the message tells how its release stands
--   Progressing  the operator has not looked at it yet
--   Suspended    its spec.suspend is true: nothing is raised
--   Degraded     it cannot be used, or another ApiCanary governs the stage
--
-- The conditions of its status repeat those of the ApiStage. Were they its health, an ApiCanary in an earlier sync wave than its
-- ApiStage would hold back the very revision that mends a failed release: Argo CD goes on to the next wave only from Healthy.
-- An error in here would block a sync for ever, so nothing is taken for granted about the object.
local object = type(obj) == "table" and obj or {}
local metadata = type(object.metadata) == "table" and object.metadata or {}
local spec = type(object.spec) == "table" and object.spec or {}
local status = type(object.status) == "table" and object.status or {}
local conditions = {}
if type(status.conditions) == "table" then
  for _, condition in pairs(status.conditions) do
    if type(condition) == "table" and type(condition.type) == "string" then
      conditions[condition.type] = condition
    end
  end
end

local function message(condition)
  return type(condition.message) == "string" and condition.message or ""
end

local function is_of_another_generation(observed)
  return type(observed) == "number" and type(metadata.generation) == "number" and observed ~= metadata.generation
end

local ready = conditions.Ready
if ready == nil then
  return { status = "Progressing", message = "Stagecraft has not looked at it yet. If that lasts, see whether the operator runs." }
end
if is_of_another_generation(status.observedGeneration) or is_of_another_generation(ready.observedGeneration) then
  return { status = "Progressing", message = "Stagecraft has not looked at the latest change yet." }
end
local stalled = conditions.Stalled
if stalled ~= nil and stalled.status == "True" and (stalled.reason == "InvalidApiCanary" or stalled.reason == "NotGoverning") then
  return { status = "Degraded", message = message(stalled) }
end
if spec.suspend == true then
  return { status = "Suspended", message = "spec.suspend is true: no release is raised. Remove it to go on." }
end
return { status = "Healthy", message = message(ready) }
