# page.awk - the pages of docs/ as the body of a manual page: headings, paragraphs, lists, tables and code.
#
#	awk -f page.awk PAGE...

function escape(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	return text
}

function shield(text)                                   # what begins like a request is text
{
	return text ~ /^[.']/ ? "\\&" text : text
}

function inline(text,     parts, n, i, out)             # `code` and **strong** in bold, [words](where) as words
{
	while (match(text, /\[[^]]*\]\([^)]*\)/)) {
		out = substr(text, RSTART + 1, RLENGTH - 1)
		text = substr(text, 1, RSTART - 1) substr(out, 1, index(out, "](") - 1) substr(text, RSTART + RLENGTH)
	}
	n = split(text, parts, "`")
	out = ""
	for (i = 1; i <= n; i++) {
		if (i % 2)
			gsub(/\*\*/, "", parts[i])
		out = out (i % 2 ? escape(parts[i]) : "\\fB" escape(parts[i]) "\\fR")
	}
	return shield(out)
}

function close_table()
{
	if (table)
		print ".TE\n.sp"
	table = 0
}

function row(line,     cells, n, i)
{
	gsub(/\\\|/, "\001", line)
	n = split(line, cells, /[ \t]*\|[ \t]*/)                # the first and the last are empty
	if (!table) {
		printf ".TS\nallbox;\n"
		for (i = 2; i < n; i++)
			printf "%s", i == 2 ? "l" : " lx"
		print "."
		table = 1
	}
	for (i = 2; i < n; i++) {
		gsub(/\001/, "|", cells[i])
		printf "T{\n%s\nT}%s", inline(cells[i]), i < n - 1 ? "\t" : "\n"
	}
}

FNR == 1 { close_table() }
/^```/ {
	close_table()
	print code ? ".EE" : ".PP\n.EX"
	code = !code
	next
}
code           { gsub(/\t/, "    "); print "    " escape($0); next }
/^    [^ ]/    { close_table(); print ".PP\n.EX\n    " escape(substr($0, 5)) "\n.EE"; next }
/^\|[-|: ]+$/  { next }
/^\|/          { row($0); next }
               { close_table() }
/^# /          { print ".SH " toupper(escape(substr($0, 3))); next }
/^##+ /        { sub(/^#+ /, ""); print ".SS " inline($0); next }
/^- /          { print ".IP \\(bu 2\n" inline(substr($0, 3)); next }
/^[0-9]+\. /   { gap = index($0, " "); print ".IP " substr($0, 1, gap - 1) " 4\n" inline(substr($0, gap + 1)); next }
/^$/           { print ".PP"; next }
               { sub(/^ +/, ""); print inline($0) }
END            { close_table() }
