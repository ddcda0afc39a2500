"""The rows with small losses, which train networks where labels are wrong.

Networks learn the rows with right labels first, so that rows with a wrong label have large losses in the first epochs.
A network that leaves out its own rows with large losses repeats its own errors. Therefore two networks choose the rows
for one another (Han et al., 2018, "Co-teaching: robust training of deep neural networks with extremely noisy labels",
algorithm 1). Here they choose after each epoch among all rows, and not in each batch, so that the networks of a fleet
keep their own batches.
"""

from __future__ import annotations

import torch

RAMP = 0.3  # share of the training in which the share of rows that are left out rises to its last value


def small_loss_rows(
    losses: torch.Tensor,
    rows: torch.Tensor,
    n_rows: torch.Tensor,
    tables: torch.Tensor,
    share: float,
    n_table_rows: int,
) -> torch.Tensor:
    """Return which rows of its table each network trains on in the next epoch: those with small losses in its partner.

    The partner is the next network of the same table. A network without another one on its table, because only one is
    trained or the others have ended, is its own partner.

    Parameters
    ----------
    losses : tensor of shape (n_networks, n_most)
        Loss of each network on its own training rows, which are padded.
    rows : tensor of int, shape (n_networks, n_most)
        Numbers of these rows in the table.
    n_rows : tensor of int, shape (n_networks,)
        How many of them count.
    tables : tensor of int, shape (n_networks,)
        Number of the table of each network.
    share : float
        Share of the rows that are left out.

    Returns
    -------
    tensor of shape (n_networks, n_table_rows)
        1 for a row that counts, 0 for one that does not. A row that the partner does not train on counts.
    """
    kept = torch.ones(len(losses), n_table_rows, device=losses.device)
    present = torch.arange(losses.shape[1], device=losses.device) < n_rows.unsqueeze(1)
    order = torch.where(present, losses, -torch.inf).argsort(dim=1, descending=True)
    n_left_out = (share * n_rows).long()
    for network, partner in enumerate(partners(tables.tolist())):
        kept[network, rows[partner, order[partner, : int(n_left_out[partner])]]] = 0.0
    return kept


def partners(tables: list[int]) -> list[int]:
    """Return the partner of each network, given the table of each.

    Examples
    --------
    >>> partners([0, 0, 1, 0])
    [1, 3, 2, 0]
    """
    members: dict[int, list[int]] = {}
    for network, table in enumerate(tables):
        members.setdefault(table, []).append(network)
    following = {a: b for own in members.values() for a, b in zip(own, own[1:] + own[:1], strict=True)}
    return [following[network] for network in range(len(tables))]
