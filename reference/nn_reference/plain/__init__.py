"""The documented networks in plain NumPy, one file for each code in the documents. Each file reads alone.

`forward(params, x)` returns z and a of every layer, `loss_and_gradients(params, x, t)` the loss and the gradient of
every parameter, and `step` makes one update, in place, where the document trains. With `corrected=True` they compute what
`nn-conformance describe` calls the corrected version. Nothing is validated: `nn_reference.network` does that.

Legend: N samples, D inputs, H hidden units, C outputs. x is (N, D), t is (N, C). dX is the gradient of the loss with
respect to X. `params` is a dict of arrays W1, b1, W2, …, whose shapes decide the widths.
"""
