-- load: what wrk sends. Arguments after "--": the job, and what it needs.
--	changed [TENANT [FIELDS]] | same | json | check | session | callback |
--	tickets | dashboard | bare
local job, extra, fields, lines
local counter = 0
local threads = 0
thread_id = 0 -- global: setup() sets it in each thread

function setup(thread)
	threads = threads + 1
	thread:set("thread_id", threads)
end

function init(args)
	job, extra, fields = args[1], args[2], args[3] or ""
	if job == "callback" then
		-- each thread reads its own share of the tokens
		lines = io.lines(extra .. "." .. thread_id)
	end
end

local function form(name)
	local user = 1 + (counter * 7919 + thread_id * 104729) % 4096
	return string.format("email=user%d%%40example.com&name=John+Q.+Doe+%s&company_name=Example+Ltd%s", user, name, fields)
end

function request()
	counter = counter + 1
	if job == "bare" or job == "changed" or job == "same" then
		local name = job == "same" and "same" or counter .. "-" .. thread_id
		local tenant = extra or "alpha"
		return wrk.format("POST", "/api/auth/redirect/" .. tenant, {
			["Host"] = "tickets.test",
			["Origin"] = "https://" .. tenant .. ".test",
			["Content-Type"] = "application/x-www-form-urlencoded",
		}, form(name))
	elseif job == "json" then
		local user = 1 + (counter * 7919 + thread_id * 104729) % 4096
		return wrk.format("POST", "/api/auth/redirect/alpha", {
			["Host"] = "tickets.test",
			["Origin"] = "https://alpha.test",
			["Content-Type"] = "application/json",
		}, string.format('{"email":"user%d@example.com","name":"John Q. Doe %d-%d","company_name":"Example Ltd"}', user, counter, thread_id))
	elseif job == "callback" then
		local line = lines()
		if not line then
			-- out of tokens: counted as errors, so that it shows
			line = "/auth/callback?token=none"
		end
		return wrk.format("GET", line, {
			["Host"] = "ticket.alpha.test",
			["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Dest"] = "document",
		})
	end
	if job == "tickets" or job == "dashboard" then
		return wrk.format("GET", job == "tickets" and "/api/tickets" or "/dashboard", {
			["Host"] = "ticket.alpha.test", ["Cookie"] = extra,
		})
	end
	return wrk.format("GET", "/auth/" .. job, { ["Host"] = "ticket.alpha.test", ["Cookie"] = extra })
end
