-- load: what wrk sends. Arguments after "--": the job, the run's salt, and what
-- the job needs:
--	handoff | json | bare			posts of 4,096 users
--	new | changed | same			whole sign-ins: the post, then the
--						callback that its answer names
--	callback FILE				paths with tokens, FILE.1 and FILE.2
--	session | check | tickets | dashboard COOKIE
--	adapter TENANT [FIELDS]			posts to another tenant
--
-- Requests are formatted before the run, so that the generator's own cost stays
-- the same for all peers: it runs on the same cores.  The salt makes users new
-- and names changed in each run, whatever earlier ones left.
local USERS = 4096
local KEPT = 4 * USERS	-- so that a name changes whenever its user returns
local job, salt, extra, fields
local next_request
local threads = {}
thread_id = 0 -- global: setup() sets it in each thread
arrived = 0 -- global: done() reads it; sessions given

function setup(thread)
	table.insert(threads, thread)
	thread:set("thread_id", #threads)
end

-- "new": nobody comes twice in a run; "same": as the gateway was given them
local function person(i)
	if job == "new" then
		return string.format("n%s-%d-%d%%40example.com", salt, thread_id, i), "John+Q.+Doe"
	end
	local user = 1 + (i * 7919 + thread_id * 104729) % USERS
	return string.format("user%d%%40example.com", user),
		job == "same" and "John+Q.+Doe" or string.format("John+Q.+Doe+%s-%d-%d", salt, i, thread_id)
end

local function post(tenant, i)
	local email, name = person(i)
	return wrk.format("POST", "/api/auth/redirect/" .. tenant, {
		["Host"] = "tickets.test",
		["Origin"] = "https://" .. tenant .. ".test",
		["Content-Type"] = "application/x-www-form-urlencoded",
	}, string.format("email=%s&name=%s&company_name=Example+Ltd%s", email, name, fields))
end

local function post_json(i)
	local email, name = person(i)
	return wrk.format("POST", "/api/auth/redirect/alpha", {
		["Host"] = "tickets.test",
		["Origin"] = "https://alpha.test",
		["Content-Type"] = "application/json",
	}, string.format('{"email":"%s","name":"%s","company_name":"Example Ltd"}',
		email:gsub("%%40", "@"), name:gsub("+", " ")))
end

local function arrive(path)
	return wrk.format("GET", path, {
		["Host"] = "ticket.alpha.test",
		["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Dest"] = "document",
	})
end

-- Requests made before the run, over and over.
local function in_turn(list)
	local i = 0
	return function()
		i = i % #list + 1
		return list[i]
	end
end

local function prepare(make)
	local list = {}
	for i = 1, KEPT do
		list[i] = make(i)
	end
	return in_turn(list)
end

-- A post, unless somebody is on their way: then their arrival.
local function sign_in()
	local first, last, waiting, count = 1, 0, {}, 0
	local kept = job ~= "new" and prepare(function(i) return post("alpha", i) end)

	function response(status, headers)
		if status ~= 302 then
			return
		end
		local path = (headers["Location"] or headers["location"] or ""):match("^https://[^/]+(/auth/callback.*)$")
		if path then
			last = last + 1
			waiting[last] = path
		elseif headers["Set-Cookie"] or headers["set-cookie"] then
			arrived = arrived + 1
		end
	end
	return function()
		if first <= last then
			local path = waiting[first]
			waiting[first] = nil
			first = first + 1
			return arrive(path)
		end
		count = count + 1
		return kept and kept() or post("alpha", count)
	end
end

function init(args)
	job, salt, extra, fields = args[1], args[2] or "", args[3], args[4] or ""
	if job == "callback" then
		-- each thread reads its own share of the tokens
		local lines = io.lines(extra .. "." .. thread_id)
		next_request = function()
			-- out of tokens: counted as errors, so that it shows
			return arrive(lines() or "/auth/callback?token=none")
		end
	elseif job == "new" or job == "changed" or job == "same" then
		next_request = sign_in()
	elseif job == "handoff" or job == "bare" then
		next_request = prepare(function(i) return post("alpha", i) end)
	elseif job == "adapter" then
		next_request = prepare(function(i) return post(extra, i) end)
	elseif job == "json" then
		next_request = prepare(post_json)
	else
		local path = job == "tickets" and "/api/tickets" or job == "dashboard" and "/dashboard" or "/auth/" .. job
		next_request = in_turn({ wrk.format("GET", path, { ["Host"] = "ticket.alpha.test", ["Cookie"] = extra }) })
	end
end

function request()
	return next_request()
end

-- How many came through: what measure.mjs counts as sign-ins.
function done()
	local count = 0
	for _, thread in ipairs(threads) do
		count = count + thread:get("arrived")
	end
	if count > 0 then
		print("sign-ins: " .. count)
	end
end
