# bash completion of vaurien and vaurienctl. What can be said, the programs are asked: see src/config/completion.c.

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

_vaurien()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} rows
	if [[ $cur == = ]]; then
		cur=
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	rows=$("$1" --list=words 2>/dev/null) || return
	[[ $flag == -* ]] && _vaurien_values "$flag" && return
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_vaurien_rows flag "")" -- "$cur"))
	elif ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W demo -- "$cur"))
	fi
}

# The actions of vaurienctl, as its --help has them, with their own flags: "toxic add<TAB>--name --stream".
_vaurienctl_actions()
{
	awk '/^actions:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ {
		line = substr($0, 3)
		sub(/  .*/, "", line)
		split(line, word, " ")
		printf "%s%s\t", word[1], word[2] ~ /^[a-z]/ ? " " word[2] : ""
		for (; match(line, /--[a-z][a-z-]*/); line = substr(line, RSTART + RLENGTH))
			printf "%s ", substr(line, RSTART, RLENGTH)
		print ""
	}' <<<"$help"
}

# Behind set-behavior NAME, and behind toxic add PROXY NAME, stand the behavior's options, which are --behavior-NAME-OPTION
# without what they begin with, and the fields of rules.
_vaurienctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} rows help actions first=0 at=0 behavior= own i
	if [[ $cur == = ]]; then
		cur=
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	rows=$("${1%vaurienctl}vaurien" --list=words 2>/dev/null)
	help=$("$1" --help 2>/dev/null) || return
	actions=$(_vaurienctl_actions)
	for ((i = 1; i < COMP_CWORD && !first; i++)); do        # where the action stands
		grep -q "^${COMP_WORDS[i]}\b" <<<"$actions" && first=$i
	done
	case "${COMP_WORDS[first]} ${COMP_WORDS[first + 1]}" in # where a behavior's name stands
	set-behavior*) at=$((first + 1)) ;;
	"toxic add")   at=$((first + 3)) ;;
	esac
	((at && at < COMP_CWORD)) && behavior=${COMP_WORDS[at]//_/-}

	if ((at && at == COMP_CWORD)); then
		COMPREPLY=($(compgen -W "$(_vaurien_rows behavior "")" -- "$cur"))
	elif [[ $flag == --* && -n $behavior ]] && { _vaurien_values "--behavior-$behavior-${flag#--}" || _vaurien_values "$flag"; }; then
		return
	elif [[ $cur == -* ]]; then
		own=$(awk '/^options:/ { on = 1; next } /^$/ { on = 0 } on && match($0, /--[a-z-]+/) { print substr($0, RSTART, RLENGTH) }' <<<"$help")
		((first)) && own+=" $(awk -F '\t' -v one="${COMP_WORDS[first]}" -v two="${COMP_WORDS[first]} ${COMP_WORDS[first + 1]}" \
			'$1 == one || $1 == two { print $2 }' <<<"$actions")"
		[[ -n $behavior ]] && own+=" $(_vaurien_rows flag "--behavior-$behavior-" | sed "s/--behavior-$behavior-/--/") $(_vaurien_rows field "")"
		COMPREPLY=($(compgen -W "$own" -- "$cur"))
	elif ((!first)); then
		COMPREPLY=($(compgen -W "$(sed 's/[ \t].*//' <<<"$actions" | sort -u)" -- "$cur"))
	elif ((first == COMP_CWORD - 1)); then
		COMPREPLY=($(compgen -W "$(sed -n "s/^${COMP_WORDS[first]} \([a-z]*\).*/\1/p" <<<"$actions")" -- "$cur"))
	fi
}

complete -F _vaurien vaurien
complete -F _vaurienctl vaurienctl
