-- signin: the sign-in within nginx: Lua, with libsqlite3 and libcrypto through
-- LuaJIT's FFI.  One connection and one set of statements a worker.
local ffi = require "ffi"
local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local sqlite = ffi.load("libsqlite3.so.0")
local crypto = ffi.load("libcrypto.so.3")

ffi.cdef [[
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char *, sqlite3 **);
int sqlite3_exec(sqlite3 *, const char *, void *, void *, char **);
int sqlite3_busy_timeout(sqlite3 *, int);
int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
int sqlite3_step(sqlite3_stmt *);
int sqlite3_reset(sqlite3_stmt *);
int sqlite3_bind_text(sqlite3_stmt *, int, const char *, int, void *);
int sqlite3_bind_blob(sqlite3_stmt *, int, const char *, int, void *);
int sqlite3_bind_int64(sqlite3_stmt *, int, int64_t);
int64_t sqlite3_column_int64(sqlite3_stmt *, int);
int64_t sqlite3_last_insert_rowid(sqlite3 *);
const char *sqlite3_errmsg(sqlite3 *);
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
const void *EVP_aes_256_gcm(void);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *, const void *, void *, const char *, const char *);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const char *, int);
int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *, unsigned char *, int *);
int EVP_DecryptInit_ex(EVP_CIPHER_CTX *, const void *, void *, const char *, const char *);
int EVP_DecryptUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const char *, int);
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *, unsigned char *, int *);
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int, void *);
int RAND_bytes(unsigned char *, int);
unsigned char *SHA256(const char *, size_t, unsigned char *);
]]

local ROW, DONE, CONSTRAINT = 100, 101, 19
local GET_TAG, SET_TAG = 0x10, 0x11
local BODY_MAX = 8192
local COPY = ffi.cast("void *", -1)
local M = {}
local config, origins, header, db, sealing, opening
local st = {}
local buffer = ffi.new("unsigned char[?]", BODY_MAX)
local length = ffi.new("int[1]")
local octets = ffi.new("unsigned char[32]")

local function prepare(sql)
	local p = ffi.new("sqlite3_stmt *[1]")
	if sqlite.sqlite3_prepare_v2(db, sql, -1, p, nil) ~= 0 then
		error(ffi.string(sqlite.sqlite3_errmsg(db)))
	end
	return p[0]
end

function M.init(path)
	local file = assert(io.open(path))
	config = assert(cjson.decode(file:read("*a")))
	file:close()
	origins = {}
	for _, origin in ipairs(config.origins) do
		origins[origin] = true
	end
	header = base64.encode_base64url('{"alg":"dir","enc":"A256GCM","kid":"1"}')
	local key = config.key:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)
	local p = ffi.new("sqlite3 *[1]")
	assert(sqlite.sqlite3_open(config.database, p) == 0)
	db = p[0]
	sqlite.sqlite3_busy_timeout(db, 10000)
	assert(sqlite.sqlite3_exec(db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536", nil, nil, nil) == 0)
	st.begin, st.commit, st.rollback = prepare "BEGIN IMMEDIATE", prepare "COMMIT", prepare "ROLLBACK"
	st.upsert = prepare [[INSERT INTO users(tenant, email, name, updated) VALUES(?, ?, ?, ?)
		ON CONFLICT(tenant, email) DO UPDATE SET name = excluded.name, updated = excluded.updated RETURNING id]]
	st.redeem = prepare "INSERT INTO redemptions(jti, expires) VALUES(?, ?)"
	st.open = prepare "INSERT INTO sessions(secret, user, expires) VALUES(?, ?, ?)"
	sealing, opening = crypto.EVP_CIPHER_CTX_new(), crypto.EVP_CIPHER_CTX_new()
	crypto.EVP_EncryptInit_ex(sealing, crypto.EVP_aes_256_gcm(), nil, key, nil)
	crypto.EVP_DecryptInit_ex(opening, crypto.EVP_aes_256_gcm(), nil, key, nil)
end

local function random(n)
	assert(crypto.RAND_bytes(octets, n) == 1)
	return ffi.string(octets, n)
end

-- n as so many octets, the highest first
local function number(n, count)
	local out = {}
	for i = count, 1, -1 do
		out[i] = string.char(n % 256)
		n = math.floor(n / 256)
	end
	return table.concat(out)
end

local function seal(text)
	local iv = random(12)
	crypto.EVP_EncryptInit_ex(sealing, nil, nil, nil, iv)
	crypto.EVP_EncryptUpdate(sealing, nil, length, header, #header)
	crypto.EVP_EncryptUpdate(sealing, buffer, length, text, #text)
	crypto.EVP_EncryptFinal_ex(sealing, buffer + #text, length)
	crypto.EVP_CIPHER_CTX_ctrl(sealing, GET_TAG, 16, octets)
	return table.concat({ header, "", base64.encode_base64url(iv), base64.encode_base64url(ffi.string(buffer, #text)),
		base64.encode_base64url(ffi.string(octets, 16)) }, ".")
end

local function unseal(token)
	local head, iv, text, tag = token:match("^([%w_-]+)%.%.([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
	if head ~= header then
		return
	end
	iv, text, tag = base64.decode_base64url(iv), base64.decode_base64url(text), base64.decode_base64url(tag)
	if not iv or #iv ~= 12 or not text or #text > BODY_MAX or not tag or #tag ~= 16 then
		return
	end
	crypto.EVP_DecryptInit_ex(opening, nil, nil, nil, iv)
	crypto.EVP_DecryptUpdate(opening, nil, length, header, #header)
	crypto.EVP_DecryptUpdate(opening, buffer, length, text, #text)
	ffi.copy(octets, tag, 16)
	crypto.EVP_CIPHER_CTX_ctrl(opening, SET_TAG, 16, octets)
	if crypto.EVP_DecryptFinal_ex(opening, buffer + #text, length) <= 0 then
		return
	end
	return cjson.decode(ffi.string(buffer, #text))
end

local function answer(status, message)
	ngx.status = status
	ngx.header["Content-Type"] = "application/json"
	ngx.print(cjson.encode({ message = message }))
	return ngx.exit(status)
end

local function send_on(url)
	ngx.header["Location"] = url
	ngx.status = 302
	ngx.header["Content-Length"] = 0
	return ngx.exit(302)
end

local function set_headers(list)
	local h = ngx.header
	h["X-Request-Id"] = ngx.var.request_id
	for name, value in pairs(list) do
		h[name] = value
	end
	return h
end

-- The user's id, or nothing; alone it is a transaction of its own.
local function upsert(email, name, now)
	local s, id = st.upsert, nil
	sqlite.sqlite3_bind_text(s, 1, config.tenant, #config.tenant, COPY)
	sqlite.sqlite3_bind_text(s, 2, email, #email, COPY)
	sqlite.sqlite3_bind_text(s, 3, name, #name, COPY)
	sqlite.sqlite3_bind_int64(s, 4, now)
	if sqlite.sqlite3_step(s) == ROW then
		id = sqlite.sqlite3_column_int64(s, 0)
	end
	local rc = sqlite.sqlite3_step(s)
	sqlite.sqlite3_reset(s)
	return rc == DONE and id or nil
end

local function is_target(url)
	return url == config.url or url:sub(1, #config.url + 1) == config.url .. "/"
end

local function trim(s)
	return type(s) == "string" and s:match("^%s*(.-)%s*$") or ""
end

function M.handoff()
	local h = set_headers(config.handoff)
	local origin = ngx.var.http_origin
	if origins[origin] then
		h["Access-Control-Allow-Origin"] = origin
		for name, value in pairs(config.cors) do
			h[name] = value
		end
	end
	if ngx.var.tenant ~= config.tenant then
		return answer(404, "Tenant not found.")
	end
	local used = ngx.shared.clients:incr(ngx.var.binary_remote_addr, 1, 0, config.per)
	h["X-RateLimit-Limit"] = config.limit
	h["X-RateLimit-Remaining"] = math.max(config.limit - used, 0)
	if used > config.limit then
		return answer(429, "Too many requests.")
	end
	ngx.req.read_body()
	local fields = (ngx.var.content_type or ""):find("application/json", 1, true) == 1 and
		cjson.decode(ngx.req.get_body_data() or "") or ngx.req.get_post_args()
	local email, name, target = trim(fields.email):lower(), trim(fields.name), trim(fields.redirect_url)
	if #email > 254 or not email:find("^[%w.!#$%%&'*+/=?^_`{|}~-]+@%w[%w.-]*$") or name == "" or #name > 255 or
	   (target ~= "" and not is_target(target)) then
		return answer(422, "The given data was invalid.")
	end
	local now, user = ngx.time(), nil
	if not config.arrival then
		user = upsert(email, name, now)
		if not user then
			return answer(503, "The store does not answer.")
		end
	end
	-- 48 bits of time, 80 of chance: rows come in order
	local jti = number(math.floor(ngx.now() * 1000), 6) .. random(10)
	return send_on(config.url .. "/auth/callback?token=" .. seal(cjson.encode({
		iss = "tickets", aud = config.tenant, jti = base64.encode_base64url(jti), iat = now, exp = now + 120,
		sub = user and tostring(tonumber(user)), email = email, name = name, redirect_url = target })))
end

local function run(s)
	local rc = sqlite.sqlite3_step(s)
	sqlite.sqlite3_reset(s)
	return rc
end

-- DONE and the session's id; or why not
local function arrive(claims, hash, now)
	local jti = base64.decode_base64url(claims.jti)
	sqlite.sqlite3_bind_blob(st.redeem, 1, jti, #jti, COPY)
	sqlite.sqlite3_bind_int64(st.redeem, 2, claims.exp)
	local rc = run(st.redeem)
	if rc ~= DONE then
		return rc
	end
	local user = config.arrival and upsert(claims.email, claims.name, now) or tonumber(claims.sub)
	if not user then
		return 1
	end
	sqlite.sqlite3_bind_blob(st.open, 1, hash, #hash, COPY)
	sqlite.sqlite3_bind_int64(st.open, 2, user)
	sqlite.sqlite3_bind_int64(st.open, 3, now + 28800)
	rc = run(st.open)
	return rc, tonumber(sqlite.sqlite3_last_insert_rowid(db))
end

function M.callback()
	local h = set_headers(config.callback)
	local claims = unseal(ngx.var.arg_token or "")
	local now = ngx.time()
	if not claims or claims.aud ~= config.tenant or claims.iss ~= "tickets" or claims.exp <= now then
		return answer(401, "Token invalid")
	end
	local secret = random(24)
	local hash = ffi.string(crypto.SHA256(secret, #secret, buffer), 32)
	if run(st.begin) ~= DONE then
		return answer(503, "The store does not answer.")
	end
	local rc, id = arrive(claims, hash, now)
	if rc == DONE then
		rc = run(st.commit)
	end
	if rc ~= DONE then
		run(st.rollback)
		if rc % 256 == CONSTRAINT then
			return answer(410, "Token used")
		end
		return answer(503, "The store does not answer.")
	end
	h["Set-Cookie"] = "__Host-usher=" .. base64.encode_base64url(number(id, 8) .. secret) .. "; Path=/; Secure; HttpOnly; SameSite=None"
	return send_on(claims.redirect_url ~= "" and claims.redirect_url or config.url .. "/dashboard")
end

return M
