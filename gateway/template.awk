# template.awk: the SDK's template as constants, for `usherctl adapter new`.
#
#	awk -f template.awk FILE...
function name(path) { sub(/.*\//, "", path); return path }
BEGIN {
	print "/* Made by template.awk. */"
	print "#include \"console/scaffold.h\"\n"
	print "const struct scaffold_file scaffold_files[] = {"
}
FNR == 1 {
	if (NR > 1)
		print "\t},"
	printf "\t{ \"%s\",\n", name(FILENAME)
}
{
	# Not gsub(): what it makes of backslashes is another in every awk.
	out = ""
	for (i = 1; i <= length($0); i++) {
		c = substr($0, i, 1)
		out = out (c == "\\" || c == "\"" ? "\\" : "") c
	}
	printf "\t  \"%s\\n\"\n", out
}
END {
	print "\t},"
	print "\t{ 0 }\n};"
}
