# bash completion of vaurien and vaurienctl. The programs list what there is (vaurien --list=words, vaurienctl --help);
# a running vaurien lists its proxies, toxics and failures.

# _vaurien_rows KIND PREFIX: the words of a kind that begin so.
_vaurien_rows()
{
	awk -F '\t' -v kind="$1" -v prefix="$2" '$1 == kind && index($2, prefix) == 1 { print $2 }' <<<"$rows"
}

# _vaurien_values FLAG: what may stand behind it; rc 1: it takes no value.
_vaurien_values()
{
	local value words
	IFS=$'\t' read -r _ _ value words _ < <(awk -F '\t' -v flag="$1" '$2 == flag' <<<"$rows")
	[[ ${value:--} != - ]] || return 1
	if [[ $words != - ]]; then
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
	elif [[ $value == FILE ]]; then
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

# _vaurien_audit PROGRAM: its own options, as its --help has them, before those of the proxies; rc 1: it has none to offer.
_vaurien_audit()
{
	local help word
	help=$("$1" audit --help 2>/dev/null) || return
	word=$(awk -v flag="$flag" '$1 == flag { print $2 }' <<<"$help")
	case $flag:$word in
	--faults:* | --show:*) COMPREPLY=($(compgen -W "quick default all $("$1" scenario --list 2>/dev/null | awk '/^  [a-z]/ { print $1 }')" -- "$cur")) ;;
	--fail-on:*) COMPREPLY=($(compgen -W "fail degraded" -- "$cur")) ;;
	--*:FILE) COMPREPLY=($(compgen -f -- "$cur")) ;;
	--*:DIR) COMPREPLY=($(compgen -d -- "$cur")) ;;
	*)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$(awk '/^  --/ { print $1 }' <<<"$help") $(_vaurien_rows flag "")" -- "$cur"))
		elif [[ ${COMP_WORDS[1]} == scenario ]] && ((COMP_CWORD == 2)); then
			COMPREPLY=($(compgen -f -- "$cur"))
		fi ;;
	esac
	((${#COMPREPLY[@]}))
}

_vaurien()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} rows
	if [[ $cur == = ]]; then
		cur=
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	rows=$("$1" --list=words 2>/dev/null) || return
	[[ ${COMP_WORDS[1]} =~ ^(audit|scenario)$ ]] && ((COMP_CWORD > 1)) && _vaurien_audit "$1" && return
	[[ $flag == -* ]] && _vaurien_values "$flag" && return
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_vaurien_rows flag "")" -- "$cur"))
	elif ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "demo audit scenario" -- "$cur"))
	fi
}

# The actions of vaurienctl, as its --help has them, with their own flags, and whether a proxy's name follows:
# "toxic add<TAB>--name --stream<TAB>proxy".
_vaurienctl_actions()
{
	awk '/^actions:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ {
		line = substr($0, 3)
		sub(/  .*/, "", line)
		split(line, word, " ")
		printf "%s%s\t", word[1], word[2] ~ /^[a-z]/ ? " " word[2] : ""
		proxy = line ~ / \[?PROXY/ ? "proxy" : "-"
		for (; match(line, /--[a-z][a-z-]*/); line = substr(line, RSTART + RLENGTH))
			printf "%s ", substr(line, RSTART, RLENGTH)
		print "\t" proxy
	}' <<<"$help"
}

# _vaurienctl_asked FIELD ACTION...: a field of what the vaurien answers that this command line is for.
_vaurienctl_asked()
{
	local field=$1 i at=()
	shift
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--host | --http-host | --http-port | --token)
			at+=("${COMP_WORDS[i]}")
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			at+=("${COMP_WORDS[++i]}") ;;
		esac
	done
	timeout 2 "${COMP_WORDS[0]}" "${at[@]}" --no-headings "$@" 2>/dev/null </dev/null | cut -f "$field"
}

# _vaurienctl_names FIELD ACTION...: the same, offered. A name may have spaces in it.
_vaurienctl_names()
{
	local name
	while IFS= read -r name; do
		[[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
	done < <(_vaurienctl_asked "$@")
}

# _vaurienctl_failures [PROXY]: those of its protocol; without a name, of the first proxy's.
_vaurienctl_failures()
{
	local protocol
	if [[ -n $1 ]]; then
		_vaurienctl_names 1 failures "$1"
	elif protocol=$(_vaurienctl_asked 1- info | awk -F '"' '$2 == "protocol" { print $4; exit }') && [[ -n $protocol ]]; then
		COMPREPLY=($(compgen -W "$(_vaurienctl_asked 1,2 failures | awk -F '\t' -v of="$protocol" '$2 == of { print $1 }')" -- "$cur"))
	fi
	((${#COMPREPLY[@]}))
}

# After set-behavior NAME, rule add NAME and toxic add PROXY NAME stand the behavior's options, which are --behavior-NAME-OPTION
# without what they begin with, and the fields of rules.
_vaurienctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} rows help actions first=0 at=0 behavior= own i
	local words proxy= takes action
	if [[ $cur == = ]]; then
		cur=
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	rows=$("${1%vaurienctl}vaurien" --list=words 2>/dev/null)
	help=$("$1" --help 2>/dev/null) || return
	actions=$(_vaurienctl_actions)
	for ((i = 1; i < COMP_CWORD; i++)); do                  # where the action stands, and which proxy is named
		if [[ ${COMP_WORDS[i]} == --proxy ]]; then
			[[ ${COMP_WORDS[i + 1]} == = ]] && proxy=${COMP_WORDS[i + 2]} || proxy=${COMP_WORDS[i + 1]}
		fi
		((!first)) && grep -q "^${COMP_WORDS[i]}\b" <<<"$actions" && [[ ${COMP_WORDS[i - 1]} != --proxy ]] && first=$i
	done
	action="${COMP_WORDS[first]}"
	words=$((first + 1))                                    # where its own words begin
	grep -q "^$action [a-z]" <<<"$actions" && action+=" ${COMP_WORDS[words++]}"
	takes=$(awk -F '\t' -v action="$action" '$1 == action { print $3 }' <<<"$actions")
	case $action in                                         # where a behavior's name stands
	set-behavior) at=$words ;;
	"rule add")   at=$words ;;
	"toxic add")  at=$((words + 1)) ;;
	esac
	((at && at < COMP_CWORD)) && behavior=${COMP_WORDS[at]//_/-}
	[[ $takes == proxy && -z $proxy ]] && ((words < COMP_CWORD)) && proxy=${COMP_WORDS[words]}

	if [[ $flag == --proxy ]]; then
		_vaurienctl_names 1 list
	elif ((at && at == COMP_CWORD)); then
		COMPREPLY=($(compgen -W "$(_vaurien_rows behavior "")" -- "$cur"))
	elif [[ $flag == --failure && -n $behavior ]] && _vaurienctl_failures "$proxy"; then
		return
	elif [[ $flag == --* && -n $behavior ]] && { _vaurien_values "--behavior-$behavior-${flag#--}" || _vaurien_values "$flag"; }; then
		return
	elif [[ $cur == -* ]]; then
		own=$(awk '/^options:/ { on = 1; next } /^$/ { on = 0 } on && match($0, /--[a-z-]+/) { print substr($0, RSTART, RLENGTH) }' <<<"$help")
		((first)) && own+=" $(awk -F '\t' -v action="$action" '$1 == action { print $2 }' <<<"$actions")"
		[[ -n $behavior ]] && own+=" $(_vaurien_rows flag "--behavior-$behavior-" | sed "s/--behavior-$behavior-/--/") $(_vaurien_rows field "")"
		COMPREPLY=($(compgen -W "$own" -- "$cur"))
	elif ((!first)); then
		COMPREPLY=($(compgen -W "$(sed 's/[ \t].*//' <<<"$actions" | sort -u)" -- "$cur"))
	elif ((COMP_CWORD < words)); then
		COMPREPLY=($(compgen -W "$(sed -n "s/^${COMP_WORDS[first]} \([a-z]*\).*/\1/p" <<<"$actions")" -- "$cur"))
	elif ((COMP_CWORD == words)) && [[ $takes == proxy ]]; then
		_vaurienctl_names 1 list
	elif ((COMP_CWORD == words)) && [[ $action == help ]]; then
		COMPREPLY=($(compgen -W "$(sed 's/[ \t].*//' <<<"$actions" | sort -u) $(_vaurien_rows behavior "")" -- "$cur"))
	elif ((COMP_CWORD == words)) && [[ $action == populate ]]; then
		COMPREPLY=($(compgen -f -- "$cur"))
	elif ((COMP_CWORD == words + 1)); then
		case $action in
		"toxic update" | "toxic remove") _vaurienctl_names 1 inspect "$proxy" ;;
		close) COMPREPLY=($(compgen -W "all $(_vaurienctl_asked 1 connections "$proxy")" -- "$cur")) ;;
		esac
	fi
}

complete -F _vaurien vaurien
complete -F _vaurienctl vaurienctl
