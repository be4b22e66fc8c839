# facts.awk: what <usher/adapter.h> promises to a compiled adapter, a line each:
#
#	value USHER_NAME_MAX 128
#	enum usher_result USHER_OK = 0
#	struct usher_str 0 const char *ptr
#	text ...			(with -v text=1: all but its comments)
#
# The number is the member's place: members before it come before it for ever.
# Comments are /* */, and nothing is declared twice.

{ all = all $0 "\n" }

function squeeze(s)
{
	gsub(/[ \t\n]+/, " ", s)
	gsub(/^ | $/, "", s)
	return s
}

function strip(s,	out, at, end)
{
	while ((at = index(s, "/*"))) {
		out = out substr(s, 1, at - 1) " "
		s = substr(s, at + 2)
		end = index(s, "*/")
		s = substr(s, end + 2)
	}
	return out s
}

# "a b, c" declares two members of one type.
function members(name, body,	list, parts, n, m, i, j, at, type)
{
	n = split(body, list, ";")
	for (i = 1; i <= n; i++) {
		list[i] = squeeze(list[i])
		if (list[i] == "")
			continue
		if (list[i] ~ /\(/) {
			print "struct " name " " at++ " " list[i]
			continue
		}
		m = split(list[i], parts, ",")
		type = parts[1]
		sub(/[A-Za-z0-9_]+$/, "", type)
		for (j = 1; j <= m; j++)
			print "struct " name " " at++ " " \
				(j == 1 ? parts[1] : type squeeze(parts[j]))
	}
}

function constants(name, body,	list, n, i)
{
	n = split(body, list, ",")
	for (i = 1; i <= n; i++)
		if (squeeze(list[i]) != "")
			print "enum " name " " squeeze(list[i])
}

END {
	all = strip(all)
	gsub(/\\\n/, " ", all)
	if (text) {
		print "text " squeeze(all)
		exit
	}
	n = split(all, lines, "\n")
	all = ""
	for (i = 1; i <= n; i++) {
		if (lines[i] !~ /^#/) {
			all = all lines[i] "\n"
			continue
		}
		split(squeeze(lines[i]), word, " ")
		if (word[1] == "#define" && word[2] ~ /^USHER_[A-Z0-9_]+$/ && \
		    word[3] ~ /^["0-9]/)
			print "value " word[2] " " word[3]
	}
	while (match(all, /(struct|enum) [a-z_]+ *\n*\{[^}]*\}/)) {
		found = substr(all, RSTART, RLENGTH)
		all = substr(all, RSTART + RLENGTH)
		brace = index(found, "{")
		split(squeeze(substr(found, 1, brace - 1)), word, " ")
		body = substr(found, brace + 1, length(found) - brace - 1)
		if (word[1] == "enum")
			constants(word[2], body)
		else
			members(word[2], body)
	}
}
