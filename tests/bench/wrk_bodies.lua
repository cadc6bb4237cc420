-- For wrk: the appends that the bridge makes, for the ceiling beside its figures.
--   wrk -t1 -c16 -d2 -s wrk_bodies.lua http://HOST:PORT -- FILE PREFIX [AUTHORIZATION]
-- FILE: a request a line: stream, expected version, number of events and body, with tabs between.
-- PREFIX goes before each stream. All are made ready before the clock starts; behind the last comes
-- the first again, and that is told.
-- Prints "figures EVENTS_A_SECOND REFUSED AGAIN".
local requests, counts, thread = {}, {}, nil
made, sent, again = -1, 0, 0 -- global: done() asks the thread for them. wrk sends not the first

function setup(t) thread = t end

function init(args)
  wrk.headers["Content-Type"] = "application/vnd.eventstore.events+json"
  wrk.headers["Accept"] = "*/*"
  wrk.headers["ES-RequireLeader"] = "True"
  wrk.headers["ES-RequireMaster"] = "True"
  if args[3] then wrk.headers["Authorization"] = args[3] end
  for line in io.lines(args[1]) do
    local stream, version, count, body = line:match("^(.-)\t(.-)\t(.-)\t(.*)$")
    wrk.headers["ES-ExpectedVersion"] = version
    requests[#requests + 1] = wrk.format("POST", "/streams/" .. args[2] .. stream, nil, body)
    counts[#counts + 1] = tonumber(count)
  end
end

function request()
  local at = math.max(made, 0) % #requests + 1
  if made >= 0 then sent = sent + counts[at] end
  made = made + 1
  if made > #requests then again = 1 end
  return requests[at]
end

function done(summary, latency)
  local each = thread:get("sent") / thread:get("made")
  print(string.format("figures %.1f %d %d", (summary.requests - summary.errors.status) * each
    / (summary.duration / 1e6), summary.errors.status, thread:get("again")))
end
