#!/usr/bin/env bash
# Make files of this folder again: `bash results/run.sh PART OUT [ENGINE]`, with PART one of
#   novel       three skin diseases that the engine has never seen, two and three at a time   isic2018-novel.json
#   five-way    five of seven skin diseases, four of which were learned in pretraining        isic2018-5way.json
#   modalities  six sets of other kinds, up to five classes at a time                         cross-modality.json
# A run that was killed goes on when the same command is given again: finished answers lie in OUT/NAME.work, which may be removed
# afterwards. They are refused under another commit or engine.
# SHARED is the folder with data/ and weights/ (../shared), JOBS the number of processes (2). To try: EPISODES, in place of the
# protocol's 1,000, and METHODS, in place of all below.
set -euo pipefail
part=$1 out=$(realpath "$2") engine=${3:-default}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=${SHARED:-../shared}
data=$shared/data start=$shared/weights/tf_efficientnetv2_b0_imagenet.safetensors

heads=prototype,ridge,logistic,svm,lda,mahalanobis,knn,tip-adapter,select-protonet,self-training
elsewhere=
for source in lite0 lite2 base engine; do
    elsewhere+=prototype@$source,ridge@$source,logistic@$source,svm@$source,lda@$source,
done
# The protocols let these answer 30 episodes.
gradient=finetune,finetune-head,anil,protokd
controls=sgps-no-text,sgps-shuffled-text,sgps-random-text,sgps-text-only,sgps-wrong-support,sgps-average-weights
controls+=,sgps-nearest-task,sgps-no-memory,sgps-no-experts,sgps-no-low-rank,sgps-no-channel-scales,sgps-base
methods=${METHODS:-sgps,$heads,$elsewhere$gradient,$controls,chance}

# Each control synthesizes anew, one of them for eight supports: they answer the first episodes, and are paired with sgps on these.
limits=()
for method in ${methods//,/ }; do
    case $method in
    sgps-average-weights) limits+=(--limit "$method=60") ;;
    sgps-*) limits+=(--limit "$method=200") ;;
    esac
done

bench() { # PROTOCOL and its sets
    local name=$1 sets=()
    shift
    for set in "$@"; do sets+=(--data "$data/$set.zip"); done
    sgps benchmark --protocol "$name" "${sets[@]}" --engine "$engine" --peer-backbone "$start" \
        --methods "$methods" "${limits[@]}" ${EPISODES:+--episodes "$EPISODES"} --per-episode --jobs "${JOBS:-2}" \
        --device cpu --work "$out/$name.work" --format json --out "$out/$name.json" >/dev/null
}

case $part in
novel) bench isic2018-novel ham10000 ;;
five-way) bench isic2018-5way ham10000 ;;
modalities) bench cross-modality otoscopy_otitis4 cxr_talo wound_azh pbc_8 histo_crc_nct7 aml_cytomorph15 ;;
*)
    echo "results/run.sh: no part '$part'; the parts are novel, five-way, modalities." >&2
    exit 2
    ;;
esac
