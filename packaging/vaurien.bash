# bash completion of vaurien and vaurienctl. What can be said, the programs are asked: see src/completion.c.

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

# Behind set-behavior NAME stand the behavior's options, as --behavior-NAME-OPTION without what they begin with, and
# the fields of rules.
_vaurienctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} rows help actions behavior i own
	if [[ $cur == = ]]; then
		cur=
	elif [[ $flag == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	rows=$("${1%vaurienctl}vaurien" --list=words 2>/dev/null)
	help=$("$1" --help 2>/dev/null) || return
	actions=$(awk '/^actions:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' <<<"$help")
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == set-behavior ]] && behavior=${COMP_WORDS[i + 1]}
	done
	if [[ $flag == set-behavior ]]; then
		COMPREPLY=($(compgen -W "$(_vaurien_rows behavior "")" -- "$cur"))
	elif [[ $flag == --* && -n $behavior ]] &&
	     { _vaurien_values "--behavior-${behavior//_/-}-${flag#--}" || _vaurien_values "$flag"; }; then
		return
	elif [[ $cur == -* ]]; then
		own=$(_vaurien_rows flag "--behavior-${behavior//_/-}-")
		COMPREPLY=($(compgen -W "$(awk '/^options:/ { on = 1; next } /^$/ { on = 0 }
			on && match($0, /--[a-z-]+/) { print substr($0, RSTART, RLENGTH) }' <<<"$help")
			${behavior:+${own//--behavior-${behavior//_/-}-/--} $(_vaurien_rows field "")}" -- "$cur"))
	elif [[ -z $behavior ]]; then
		COMPREPLY=($(compgen -W "$actions" -- "$cur"))
	fi
}

complete -F _vaurien vaurien
complete -F _vaurienctl vaurienctl
