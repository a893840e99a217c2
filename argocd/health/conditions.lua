-- Health of an object of Stagecraft for Argo CD, from the conditions that `docs/contract.md` promises. The same text serves all
-- three kinds. A Lua error here would block a sync for ever, so nothing is taken for granted about the object.
--
--   Healthy      as declared, and the target serves
--   Progressing  the operator is at work and goes on by itself
--   Suspended    a person is awaited: an approval, a resume, a suspend taken back
--   Degraded     nothing goes on before somebody changes something
local function condition(kind)
  local status = obj.status
  if type(status) ~= "table" or type(status.conditions) ~= "table" then
    return nil
  end
  for _, found in ipairs(status.conditions) do
    if type(found) == "table" and found.type == kind then
      return found
    end
  end
  return nil
end

local function health(status, message)
  return { status = status, message = message or "" }
end

local metadata = obj.metadata or {}
local status = obj.status or {}
local ready = condition("Ready")
if metadata.deletionTimestamp ~= nil then
  return health("Progressing", ready ~= nil and ready.message or "It is being deleted.")
end
if ready == nil then
  return health("Progressing", "Stagecraft has not looked at it yet. If that lasts, see whether the operator runs.")
end
if status.observedGeneration ~= nil and metadata.generation ~= nil and status.observedGeneration ~= metadata.generation then
  return health("Progressing", "Stagecraft has not looked at the latest change yet.")
end
local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled.message)
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
local reconciling = condition("Reconciling")
if reconciling ~= nil and reconciling.status == "True" then
  return health("Progressing", reconciling.message)
end
return health("Suspended", ready.message)
