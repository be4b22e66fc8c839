# bundle: files of text as constants of C.
#
#	awk -f bundle.awk desk/assets/desk.css ... > desk/assets.c
#
# desk.css becomes `const struct str asset_desk_css`, declared in
# desk/assets.h.  Lines end in LF, also the last.
function finish()
{
	if (!name)
		return
	print "\t\"\";"
	printf "const struct str asset_%s = {\n", name
	printf "\ttext_%s, sizeof(text_%s) - 1\n};\n", name, name
}

BEGIN {
	print "/* Made by bundle.awk: do not edit. */"
	print "#include \"desk/assets.h\""
}

FNR == 1 {
	finish()
	name = FILENAME
	sub(/^.*\//, "", name)
	gsub(/[^a-z0-9]/, "_", name)
	printf "\nstatic const char text_%s[] =\n", name
}

{
	gsub(/\\/, "&&")	# "\\\\" is one of them to some awks, two to others
	gsub(/"/, "\\\"")
	gsub(/\?/, "\\?")	# no trigraphs
	printf "\t\"%s\\n\"\n", $0
}

END { finish() }
