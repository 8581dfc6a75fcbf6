-- Three slots of the demo shop for a visitor whose profile was filled by run.sh.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")

local BODY = '{"key":"%s","visitor":"%s","slots":["home-hero","home-recs","product-recs"],'
  .. '"context":{"url":"%s/demo/p/%s","item":"%s","cart":["%s"],"locale":"en-GB"}}'

local headers = { ["Content-Type"] = "text/plain;charset=UTF-8", ["Origin"] = visitors.origin }

function init()
  math.randomseed(os.time() + thread_number * 7919)
end

function request()
  headers["User-Agent"] = visitors.agents[math.random(#visitors.agents)]
  local item = visitors.items[math.random(#visitors.items)]
  local other = visitors.items[math.random(#visitors.items)]
  local body = BODY:format(visitors.key, visitors.id(math.random(visitors.count)), visitors.origin, item, item, other)
  return wrk.format("POST", "/v1/decide", headers, body)
end
