-- One list of 21 items for a visitor with history, on the page of a catalog item.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")

local items = {}
-- Kept in a variable, because `assert` returns its message too, which `io.lines` would take as a format.
local file = assert(os.getenv("LOAD_ITEMS"), "LOAD_ITEMS is set by load/run.sh")
for line in io.lines(file) do
  items[#items + 1] = line
end

function init()
  math.randomseed(os.time() + thread_number * 7919)
end

-- Delay of each connection between requests in milliseconds, for less than the maximum rate.
local rest = tonumber(os.getenv("LOAD_REST_MS"))
if rest then
  function delay()
    return rest
  end
end

function request()
  local visitor, item = visitors.id(math.random(visitors.count)), items[math.random(#items)]
  return wrk.format("GET", "/v1/recommend?key=" .. visitors.key .. "&visitor=" .. visitor .. "&item=" .. item .. "&k=21")
end
