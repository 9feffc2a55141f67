# shellcheck shell=sh
# The same hcalls of a guest with a hashed page table, on stock and with the module (vmm hpt-diff): the same return
# codes, registers and entries; sourced by hash-diff.sh.

HASH_DIGESTS="results_one hpt_one results_two hpt_two results_four hpt_four results_paging hpt_paging"

# hash_diff_run TAG [OPTIONS]: one run that must find all as PAPR says, races included
hash_diff_run() {
	hash_tag=$1
	shift
	run "$hash_tag" hpt-diff "$@" && kht_pass "hash-hcalls-$hash_tag-keep-papr"
}

# hash_diff_keep: the digests of this run are what the next ones are compared with.
hash_diff_keep() {
	hash_kept=
	for hash_digest in $HASH_DIGESTS; do
		hash_kept="$hash_kept $hash_digest=$(figure "$hash_digest")"
	done
}

# hash_diff_same TEST: the digests of the last run and of the kept one; one that is missing is no match.
hash_diff_same() {
	hash_differ=
	for hash_digest in $HASH_DIGESTS; do
		hash_now=$(figure "$hash_digest")
		case " $hash_kept " in
		*" $hash_digest=${hash_now:-none} "*) ;;
		*) hash_differ="$hash_differ $hash_digest" ;;
		esac
	done
	if [ -z "$hash_differ" ]; then
		kht_pass "$1: $(figure hcalls) hcalls"
	else
		kht_fail "$1" "these digests differ:$hash_differ"
	fi
}

# hash_diff_stock [OPTIONS]: twice, so that a difference to the module is none of chance
hash_diff_stock() {
	hash_diff_run stock "$@"
	hash_diff_keep
	hash_diff_run stock "$@"
	hash_diff_same hash-hcalls-stock-is-deterministic
}

# hash_diff_module [OPTIONS]: after hash_diff_stock with the same options, with the module loaded
hash_diff_module() {
	hash_diff_run module "$@"
	hash_diff_same hash-hcalls-module-is-like-stock
}
