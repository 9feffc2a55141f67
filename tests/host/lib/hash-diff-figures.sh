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

# hash_diff_stock HCALLS: twice, so that a difference to the module is none of chance
hash_diff_stock() {
	hash_diff_run stock --rounds "$1"
	hash_diff_keep
	hash_diff_run stock --rounds "$1"
	hash_diff_same hash-hcalls-stock-is-deterministic
}

# hash_diff_ours TEST COUNTER LEAST: of all guests since the module was loaded; otherwise stock was compared with stock.
hash_diff_ours() {
	hash_done=$(cat "/sys/kernel/debug/kvm/$2")
	if [ "$hash_done" -ge "$3" ]; then
		kht_pass "$1: $2 $hash_done (-ge $3)"
	else
		kht_fail "$1" "$2 is $hash_done and should be -ge $3"
	fi
}

# hash_diff_module HCALLS: after hash_diff_stock with as many, with the module loaded, hpt_defer=1 and hpt_local=1
hash_diff_module() {
	hash_diff_run module --rounds "$1"
	hash_diff_same hash-hcalls-module-is-like-stock
	hash_diff_ours hash-hcalls-were-ours tlb_broadcasts_saved $(($1 / 20))
	hash_diff_ours hash-hcalls-were-kept-local tlb_hpt_local 1
}
