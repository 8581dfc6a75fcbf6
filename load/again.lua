-- One list of 21 items for visitors who ask again on pages that they have just looked at: a page that is loaded
-- again, or a second slot. What follows from their clicks is remembered.
package.path = os.getenv("LOAD_FOLDER") .. "/?.lua;" .. package.path
local visitors = require("visitors")
local asking = 1000

function init()
  math.randomseed(os.time() + thread_number * 7919)
end

function request()
  return wrk.format("GET", "/v1/recommend?key=" .. visitors.key .. "&visitor=" .. visitors.id(math.random(asking)) .. "&k=21")
end
