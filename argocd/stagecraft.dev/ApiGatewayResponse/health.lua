-- Health of an ApiGatewayResponse, from the conditions that docs/contract.md promises.
--
--   Healthy      the REST API holds what is declared; the message says which stages do not serve it yet
--   Progressing  the operator is at work, or waits for AWS, and goes on by itself
--   Suspended    a person is awaited: a suspend taken back, drift that is only reported
--   Degraded     nothing goes on before somebody changes something: invalid, denied, somebody else's
--
-- Stages that do not serve it yet are no reason to wait: they get it with their next deployment, which an ApiStage of a later sync
-- wave may be about to ask for.
-- An error in here would block a sync for ever, so nothing is taken for granted about the object.
local function health(status, condition)
  local message = ""
  if type(condition) == "table" and type(condition.message) == "string" then
    message = condition.message
  end
  return { status = status, message = message }
end

local object = type(obj) == "table" and obj or {}
local metadata = type(object.metadata) == "table" and object.metadata or {}
local status = type(object.status) == "table" and object.status or {}
local conditions = {}
if type(status.conditions) == "table" then
  for _, condition in pairs(status.conditions) do
    if type(condition) == "table" and type(condition.type) == "string" then
      conditions[condition.type] = condition
    end
  end
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
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
if is("Stalled", "True") then
  return health("Degraded", conditions.Stalled)
end
if metadata.deletionTimestamp ~= nil then
  return health("Progressing", ready)
end
if is("Ready", "True") then
  if is("Deployed", "False") then
    return health("Healthy", conditions.Deployed)
  end
  return health("Healthy", ready)
end
if is("Reconciling", "True") then
  return health("Progressing", conditions.Reconciling)
end
return health("Suspended", ready)
