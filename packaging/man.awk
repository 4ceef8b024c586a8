# man.awk - fill a manual page's frame with what a program says of itself.
#
#	awk -f man.awk HELP FRAME
#
# HELP is the output of --help. In FRAME the line @SYNOPSIS@ becomes its usage, @OPTIONS@ all that follows.

function roff(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	sub(/^[.']/, "\\\\\\&&", text)
	return text
}

function words_of(text,     words, n, i, line)          # what is typed in bold, what stands for something in italics
{
	n = split(text, words, " ")
	for (i = 1; i <= n; i++)
		line = line (i > 1 ? " " : "") (i > 1 && words[i] ~ /^[^a-z]*[A-Z]/ ? "\\fI" : "\\fB") roff(words[i]) "\\fR"
	return line
}

function options(     i, line, gap)
{
	for (i = body; i <= lines; i++) {
		line = help[i]
		if (line ~ /^[A-Za-z][^.]*:$/) {                                # a group
			print ".SS " roff(substr(line, 1, length(line) - 1))
		} else if (line ~ /^  [a-z0-9_]+:( |$)/) {                      # a protocol or a behavior
			sub(/^ +/, "", line)
			gap = index(line, ":")
			print ".PP\n.B " substr(line, 1, gap - 1) "\n" roff(substr(line, gap + 2))
		} else if (line ~ "^  " program " ") {                          # an example
			print ".PP\n.EX\n" roff(line) "\n.EE\n.PP"
		} else if (line ~ /^ +-/ || line ~ /^  [a-z]/) {                # a flag, an action
			sub(/^ +/, "", line)
			gap = match(line, /  +/)
			print ".TP\n" words_of(gap ? substr(line, 1, gap - 1) : line)
			if (gap)
				print roff(substr(line, gap + RLENGTH))
		} else if (line ~ /^ /) {
			sub(/^ +/, "", line)
			print roff(line)
		} else if (line == "") {
			print ".PP"
		} else {
			print roff(line)
		}
	}
}

function synopsis(     i, line)
{
	print ".nf"
	for (i = 1; i < body; i++) {
		line = help[i]
		if (i < usage)
			continue
		sub(/^usage: /, "       ", line)
		sub(/^       /, "", line)
		if (line != "")
			print roff(line)
	}
	print ".fi"
}

NR == FNR {
	help[++lines] = $0
	if (/^usage: /) {
		usage = lines
		program = $2
	}
	if (usage && !body && $0 == "")
		body = lines
	next
}
$0 == "@SYNOPSIS@" { synopsis(); next }
$0 == "@OPTIONS@"  { options(); next }
{ print }
