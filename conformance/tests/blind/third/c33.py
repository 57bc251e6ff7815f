import numpy as np


def net(x, p):
    a1 = np.tanh(np.einsum('ni,ij->nj', x, p['W1']) + p['b1'])
    a2 = np.tanh(np.einsum('nj,jk->nk', a1, p['W2']) + p['b2'])
    y = np.einsum('nk,ko->no', a2, p['W3']) + p['b3']
    return a1, a2, y


def loss_and_grads(x, t, p):
    n = x.shape[0]
    a1, a2, y = net(x, p)
    loss = np.einsum('no,no->', y - t, y - t) / n

    dy = 2 * (y - t) / n
    dz2 = np.einsum('no,ko->nk', dy, p['W3']) * (1 - a2 * a2)
    dz1 = np.einsum('nj,jk->nk', dz2, p['W2']) * (1 - a1 * a1)

    return loss, {
        'W3': np.einsum('nk,no->ko', a2, dy), 'b3': np.einsum('no->o', dy),
        'W2': np.einsum('nj,nk->jk', a1, dz2), 'b2': np.einsum('nk->k', dz2),
        'W1': np.einsum('ni,nj->ij', x, dz1), 'b1': np.einsum('nj->j', dz1),
    }


def evaluate(params, x, t):
    return loss_and_grads(x, t, params)


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "tanh"}, {"units": 6, "activation": "tanh"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
