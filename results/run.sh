#!/usr/bin/env bash
# Make files of this folder again: `bash results/run.sh PART OUT [ENGINE]`, with PART one of
#   novel     sgps and peers on skin diseases that the engine has never seen, on two ImageNet networks
#   sets      sgps and peers on the six other dev sets
#   controls  parts of sgps switched off or misled
#   features  a ridge head on ImageNet features, on the engine's base, and on base and experts side by side
# SHARED is the folder with data/ and weights/ (../shared), SHOTS the numbers of pictures a class ("1 5").
set -euo pipefail
part=$1 out=$(realpath "$2") engine=${3:-default}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=${SHARED:-../shared}
data=$shared/data start=$shared/weights/tf_efficientnetv2_b0_imagenet.safetensors

novel=(--data "$data/ham10000.zip" --classes akiec,df,vasc --way 3)
five_of_seven=(--data "$data/ham10000.zip" --way 5)
all=(--data "$data/otoscopy_otitis4.zip" --data "$data/cxr_talo.zip")
five_way=(--data "$data/wound_azh.zip" --data "$data/pbc_8.zip" --data "$data/histo_crc_nct7.zip"
    --data "$data/aml_cytomorph15.zip" --way 5)
peers=sgps,prototype,ridge,logistic

bench() { # NAME EPISODES METHODS and what else `sgps benchmark` takes
    local name=$1 episodes=$2 methods=$3
    shift 3
    sgps benchmark "$@" --engine "$engine" --query 15 --seed 0 --episodes "$episodes" --methods "$methods" \
        --shot "$shot" --per-episode --quiet --format json --out "$out/$name-${shot}shot.json" >/dev/null
}

for shot in ${SHOTS:-1 5}; do
    case $part in
    novel)
        bench isic-novel-v2b0 600 $peers "${novel[@]}" --peer-backbone "$start"
        bench isic-novel-lite0 600 $peers "${novel[@]}" --peer-backbone lite0
        ;;
    sets)
        bench dev-all 200 $peers "${all[@]}" --peer-backbone "$start"
        bench dev-5way 200 $peers "${five_way[@]}" --peer-backbone "$start"
        ;;
    controls)
        methods=sgps,sgps-no-text,sgps-shuffled-text,sgps-wrong-support,ridge@base,ridge@engine
        bench controls-ham10000 60 $methods "${novel[@]}"
        bench controls-pbc_8 60 $methods --data "$data/pbc_8.zip" --way 5
        ;;
    features)
        methods=ridge,ridge@base,ridge@engine
        bench features-novel 600 $methods "${novel[@]}" --peer-backbone "$start"
        bench features-5of7 600 $methods "${five_of_seven[@]}" --peer-backbone "$start"
        bench features-all 600 $methods "${all[@]}" --peer-backbone "$start"
        bench features-5way 600 $methods "${five_way[@]}" --peer-backbone "$start"
        ;;
    *)
        echo "results/run.sh: no part '$part'; the parts are novel, sets, controls, features." >&2
        exit 2
        ;;
    esac
done
