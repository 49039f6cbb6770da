"""The networks of a run, loaded once: the engine, the peer of the command, and the peers from pip that methods name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from sgps.evaluation.methods import feature_source, needs_engine, needs_peer, reads_peer
from sgps.evaluation.peers import PEER_NAMES, Peer, load_peer
from sgps.evaluation.synthesis import SynthesisEngine


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """What methods run on."""

    engine: SynthesisEngine | None = None
    peer: Peer | None = None
    """The one that methods without `@` run on."""
    pip_peers: Mapping[str, Peer] = field(default_factory=dict)
    """By name, those that methods name; they see pictures of the peer's size."""
    device: torch.device | str = "cpu"
    """Where the peers run; an engine knows its own."""

    @property
    def peers(self) -> dict[str, Peer]:
        """Peers by the name of their features."""
        own = {} if self.peer is None else {"peer": self.peer}
        return own | dict(self.pip_peers)

    def used_by(self, method: str) -> Networks:
        """Those that one method runs on, and no other."""
        source = feature_source(method)
        return Networks(
            engine=self.engine if needs_engine(method) else None,
            peer=self.peer if reads_peer(method) else None,
            pip_peers={name: peer for name, peer in self.pip_peers.items() if name == source},
            device=self.device,
        )


def load_networks(
    methods: Sequence[str],
    engine: SynthesisEngine | None,
    peer: Peer | None,
    device: torch.device | str,
) -> Networks:
    """Put these beside the pip peers that the methods name.

    Raises:
        InputError: a wheel is not installed.
    """
    if engine is None and any(map(needs_engine, methods)):
        raise ValueError("these methods need an engine")
    if peer is None and any(map(needs_peer, methods)):
        raise ValueError("these methods need a peer")
    sources = set(map(feature_source, methods))
    named = [name for name in PEER_NAMES if name in sources]
    size = peer.preprocessing.image_size if peer is not None else 0
    pip_peers = {name: load_peer(name, size) for name in named}
    return Networks(engine=engine, peer=peer, pip_peers=pip_peers, device=device)
