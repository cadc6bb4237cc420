-- For wrk: the appends that append_bench makes, for the ceiling beside its figures.
--   wrk -t1 -c16 -d5 -s tests/bench/append.lua http://127.0.0.1:PORT -- [BYTES [EVENTS]]
local made, body = 0, nil

function init(args)
  local head = '{"eventId":"00000000-0000-4000-8000-000000000001","eventType":"c","data":{"text":"'
  local tail = '"},"metadata":{"offset":1}}'
  local event = head .. string.rep("x", tonumber(args[1] or 220) - 30 - #head) .. tail
  body = "[" .. event .. string.rep("," .. event, tonumber(args[2] or 1) - 1) .. "]"
  wrk.headers["Content-Type"] = "application/vnd.eventstore.events+json"
  wrk.headers["Accept"] = "application/json"
  wrk.headers["ES-ExpectedVersion"] = "-1"
  wrk.headers["ES-RequireLeader"] = "True"
  wrk.headers["ES-RequireMaster"] = "True"
end

function request()
  made = made + 1
  return wrk.format("POST", "/streams/customers-" .. made, nil, body)
end
