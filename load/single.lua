-- One page view per request, as sent by the tracker: about 600 bytes, with new message ids.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")

local BODY = '{"key":"%s","visitor":"%s","sentAt":%d000,"session":{"start":%d000,"last":%d000},'
  .. '"context":{"page":{"url":"%s/p/%s?utm_source=letter&utm_medium=email&utm_campaign=autumn-letter",'
  .. '"title":"A product of the shop, and its maker","referrer":"https://www.google.com/"},'
  .. '"locale":"en-GB","timezone":"Europe/London","screen":{"width":1440,"height":900,"density":2},'
  .. '"viewport":{"width":1440,"height":778},"library":{"name":"ashna.js","version":"0.1.0"}},'
  .. '"events":[{"type":"page","messageId":"load-%s-%d-%d","timestamp":%d000,"properties":{}}]}'

local headers = { ["Content-Type"] = "text/plain;charset=UTF-8", ["Origin"] = visitors.origin }
local run, sent = "", 0

function init()
  run = string.format("%x%x", os.time(), math.floor(os.clock() * 1e9) % 0xffffff)
  math.randomseed(os.time() + thread_number * 7919)
end

function request()
  sent = sent + 1
  local now = os.time()
  headers["User-Agent"] = visitors.agents[math.random(#visitors.agents)]
  local body = BODY:format(
    visitors.key, visitors.id(math.random(visitors.count)), now, now - 60, now - 5,
    visitors.origin, visitors.items[math.random(#visitors.items)], run, thread_number, sent, now)
  return wrk.format("POST", "/e", headers, body)
end
