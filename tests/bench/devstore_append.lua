-- For wrk: appends events of about 190 bytes, as the bridge sends them.
--   wrk -t1 -c32 -d8 -s tests/bench/devstore_append.lua http://127.0.0.1:2113 -- [EVENTS [STREAMS [FROM]]]
-- EVENTS a request (1). STREAMS: 0, the default: each request makes a new stream, at -1; else the
-- requests go round that many streams, each at its right version, as if FROM requests had been made
-- before (0).
local streams, from, run, made, thread = 0, 0, os.time() % 100000, 0, nil
events = 1 -- global: done() runs outside the threads and asks one for it

function setup(t) thread = t end

function init(args)
  events = tonumber(args[1] or 1)
  streams = tonumber(args[2] or 0)
  from = tonumber(args[3] or 0)
end

local function event(number)
  local id = string.format("%08x-0000-4000-8000-%012x", run, number)
  return string.format(
    '{"eventId":"%s","eventType":"c","data":{"id":%d,"name":"customer %d","email":"c%d@example.org",'
    .. '"balance":"12.50"},"metadata":{"offset":%d,"source":"bench"}}', id, number, number, number,
    number)
end

function request()
  local number = from + made
  local stream, version = string.format("bench-%d-%d", run, number), -1
  if streams > 0 then
    stream = string.format("bench-%d", number % streams)
    version = math.floor(number / streams) * events - 1
  end
  local bodies = {}
  for i = 1, events do bodies[i] = event(number * events + i) end
  made = made + 1
  return wrk.format("POST", "/streams/" .. stream, {
    ["Content-Type"] = "application/vnd.eventstore.events+json",
    ["ES-ExpectedVersion"] = tostring(version)
  }, "[" .. table.concat(bodies, ",") .. "]")
end

function done(summary, latency)
  local each = thread:get("events")
  print(string.format("%.0f events/s, not 2xx: %d, p50 %.2f ms, p99 %.2f ms",
    (summary.requests - summary.errors.status) * each / (summary.duration / 1e6),
    summary.errors.status, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
