#!/usr/bin/env bash
# Make files of this folder again: `bash results/run.sh PART OUT [ENGINE]`, with PART one of
#   novel       three skin diseases that the engine has never seen, two and three at a time   isic2018-novel.json
#   five-way    five of seven skin diseases, four of which were learned in pretraining        isic2018-5way.json
#   modalities  six sets of other kinds, up to five classes at a time                         cross-modality.json
#   unlearned   five sets that no features have learned, as if the engine had not met them    unlearned.json
#   trained     methods that train on the support's pictures: three skin diseases, six sets   trained.json, trained-novel.json
#   words       right, wrong, partial and no descriptions on all of these tasks               words.json, words-novel.json
# A run that was killed goes on when the same command is given again: finished answers lie in OUT/NAME.work, which may be removed
# afterwards. They are refused under another commit or engine.
# Methods and episodes stand in the protocols: isic2018-novel of the package (600 of its 1,000 episodes), the others in protocols/ here.
# SHARED is the folder with data/ and weights/ (../shared; `docs/datasets.md` says what lies there), JOBS the number of processes (2).
# To try: EPISODES and METHODS.
set -euo pipefail
part=$1 out=$(realpath "$2") engine=${3:-default}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=${SHARED:-../shared}
data=$shared/data start=$shared/weights/tf_efficientnetv2_b0_imagenet.safetensors

unlearned=(cervix_lbc4 chest_ct_cancer4 histo_breakhis400_2 histo_prostate4 mammo_ddsm2)
others=(otoscopy_otitis4 cxr_talo wound_azh pbc_8 histo_crc_nct7 aml_cytomorph15)

bench() { # PROTOCOL NAME and its sets
    local protocol=$1 name=$2 sets=()
    shift 2
    for set in "$@"; do sets+=(--data "$data/$set.zip"); done
    sgps benchmark --protocol "$protocol" "${sets[@]}" --engine "$engine" --peer-backbone "$start" \
        ${METHODS:+--methods "$METHODS"} ${EPISODES:+--episodes "$EPISODES"} --per-episode --jobs "${JOBS:-2}" \
        --device cpu --work "$out/$name.work" --format json --out "$out/$name.json" >/dev/null
}

case $part in
novel) EPISODES=${EPISODES:-600} bench isic2018-novel isic2018-novel ham10000 ;;
five-way) bench results/protocols/five-way.toml isic2018-5way ham10000 ;;
modalities) bench results/protocols/modalities.toml cross-modality "${others[@]}" ;;
unlearned) bench results/protocols/unlearned.toml unlearned "${unlearned[@]}" ;;
trained) # a protocol names its classes, so that the novel ones have their own
    bench results/protocols/trained-novel.toml trained-novel ham10000
    bench results/protocols/trained.toml trained "${others[@]}"
    ;;
words) # likewise
    bench results/protocols/words.toml words ham10000 "${others[@]}"
    bench results/protocols/words-novel.toml words-novel ham10000
    ;;
*)
    echo "results/run.sh: no part '$part'; the parts are novel, five-way, modalities, unlearned, trained, words." >&2
    exit 2
    ;;
esac
