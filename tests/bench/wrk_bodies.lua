-- For wrk: appends the events that the bridge sends, for the ceiling beside its figures.
--   wrk -t1 -c16 -d2 -s wrk_bodies.lua http://HOST:PORT -- FILE EVENTS STREAMS PREFIX [AUTHORIZATION]
-- FILE: an event's JSON a line, from behind its eventId on. EVENTS a request. STREAMS: 0, each
-- request makes a new stream, at -1; else the requests go round so many, each at its version.
local rests, made, bodies = {}, -1, 0 -- the first request is only looked at by wrk, never sent
local events, streams, prefix

function init(args)
  for line in io.lines(args[1]) do rests[#rests + 1] = line end
  events, streams, prefix = tonumber(args[2]), tonumber(args[3]), args[4]
  run = os.time() % 1000000
  wrk.headers["Content-Type"] = "application/vnd.eventstore.events+json"
  wrk.headers["Accept"] = "*/*"
  wrk.headers["ES-RequireLeader"] = "True"
  wrk.headers["ES-RequireMaster"] = "True"
  if args[5] then wrk.headers["Authorization"] = args[5] end
end

local function event()
  bodies = bodies + 1
  return string.format('{"eventId":"%08x-0000-4000-8000-%012x', run, bodies)
    .. rests[(bodies - 1) % #rests + 1]
end

function request()
  local stream, version = prefix .. "-" .. made, -1
  if streams > 0 then
    stream = prefix .. "-" .. made % streams
    version = math.floor(made / streams) * events - 1
  end
  local body = event()
  for _ = 2, events do body = body .. "," .. event() end
  made = made + 1
  wrk.headers["ES-ExpectedVersion"] = tostring(version)
  return wrk.format("POST", "/streams/" .. stream, nil, "[" .. body .. "]")
end

function done(summary, latency)
  print(string.format("figures %.1f %d", (summary.requests - summary.errors.status)
    / (summary.duration / 1e6), summary.errors.status))
end
