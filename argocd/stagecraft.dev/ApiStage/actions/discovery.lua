-- The actions of an ApiStage, and which of them make sense now. The others are shown as disabled; where one is run all the same,
-- the operator refuses it and status.lastCommand says why.
local object = type(obj) == "table" and obj or {}
local spec = type(object.spec) == "table" and object.spec or {}
local metadata = type(object.metadata) == "table" and object.metadata or {}
local status = type(object.status) == "table" and object.status or {}
local release = type(status.release) == "table" and status.release or {}

local function one_of(...)
  for _, phase in ipairs({ ... }) do
    if release.phase == phase then
      return type(release.id) == "string"
    end
  end
  return false
end

local running = one_of("Preparing", "Progressing", "AwaitingApproval", "Paused", "Promoting", "Baking", "RollingBack")

local foreign, stalled = false, nil
if type(status.conditions) == "table" then
  for _, condition in pairs(status.conditions) do
    if type(condition) == "table" then
      foreign = foreign or (condition.type == "Released" and condition.reason == "ForeignCanary")
      if condition.type == "Stalled" and condition.status == "True" then
        stalled = condition.reason
      end
    end
  end
end
foreign = foreign and type(status.canary) == "table" and type(status.canary.deploymentId) == "string"

local held = false
if type(status.held) == "table" then
  for _, entry in pairs(status.held) do
    held = held or (type(entry) == "table" and type(entry.release) == "string")
  end
end

-- What served, newest first; a rollback goes to the first that is not what serves now.
local served_before = false
if type(status.history) == "table" then
  for _, entry in ipairs(status.history) do
    if type(entry) == "table" and entry.how ~= nil and type(entry.deploymentId) == "string" then
      local serves = entry.deploymentId == status.deploymentId
      served_before = served_before or not serves
    end
  end
end

local cache = type(status.cacheCluster) == "table" and status.cacheCluster or {}

-- Nothing is written to AWS while spec.suspend is true, nor for an object that goes or whose stage is another's.
local foreign_stage = stalled == "OwnedByAnother" or stalled == "StageExists" or stalled == "NotOldest" or stalled == "NotAllowed"
  or stalled == "IdentityChanged" or stalled == "AdoptionDenied"
local able = spec.suspend ~= true and metadata.deletionTimestamp == nil and not foreign_stage

local function action(makes_sense, name, icon)
  return { disabled = not (able and makes_sense), displayName = name, iconClass = "fa fa-fw fa-" .. icon }
end

local approve = "Approve"
if type(release.awaiting) == "string" and type(release.id) == "string" then
  approve = (release.awaiting == "promotion" and "Approve promotion of " or "Approve step " .. release.awaiting .. " of ") .. release.id
end

return {
  ["promote"] = action(one_of("Progressing", "AwaitingApproval", "Paused") and not foreign, "Promote now", "forward"),
  ["approve"] = action(one_of("AwaitingApproval") and type(release.awaiting) == "string", approve, "check"),
  ["pause"] = action(one_of("Preparing", "Progressing", "AwaitingApproval"), "Pause", "pause"),
  ["resume"] = action(one_of("Paused"), "Resume", "play"),
  ["abort"] = action(
    foreign or one_of("Preparing", "Progressing", "AwaitingApproval", "Paused", "Baking"),
    foreign and "Remove the canary that is not ours" or "Abort",
    "times-circle"
  ),
  ["retry"] = action(held and not running, "Release again", "redo"),
  ["rollback"] = action(served_before and not running, "Roll back to what served before", "undo"),
  ["flush-cache"] = action(cache.status == "AVAILABLE", "Empty the cache", "eraser"),
}
