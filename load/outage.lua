-- Fifty events of one visitor per request, with new message ids: about 17 KB.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")

local EVENTS = 50
local HEAD = '{"key":"%s","visitor":"%s","sentAt":%d000,"context":{"page":{"url":"%s/demo/p/%s"},"locale":"en-GB"},"events":['
local EVENT = '{"type":"track","event":"Product Viewed","messageId":"out-%s-%d-%d-%d","timestamp":%d000,'
  .. '"properties":{"product_id":"%s","name":"A product of the shop","category":"Coffee","price":12.5,'
  .. '"currency":"EUR","position":%d,"list":"home","filler":"a little more that properties often hold"}}'

local headers = { ["Content-Type"] = "text/plain;charset=UTF-8", ["Origin"] = visitors.origin }
local run, sent = "", 0

function init()
  run = string.format("%x%x", os.time(), math.floor(os.clock() * 1e9) % 0xffffff)
  math.randomseed(os.time() + thread_number * 7919)
end

function request()
  sent = sent + 1
  local now = os.time()
  local item = visitors.items[math.random(#visitors.items)]
  local parts = {}
  for n = 1, EVENTS do
    parts[n] = EVENT:format(run, thread_number, sent, n, now, item, n)
  end
  headers["User-Agent"] = visitors.agents[math.random(#visitors.agents)]
  local head = HEAD:format(
    visitors.key, visitors.id(math.random(visitors.count)), now, visitors.origin, item)
  return wrk.format("POST", "/e", headers, head .. table.concat(parts, ",") .. "]}")
end
