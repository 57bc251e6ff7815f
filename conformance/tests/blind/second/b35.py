import numpy as np


class Adam:
    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params = params
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.t = 0
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]

    def step(self, grads):
        for i, (p, g) in enumerate(zip(self.params, grads)):
            self.t += 1
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g ** 2
            m_hat = self.m[i] / (1 - self.beta1 ** self.t)
            v_hat = self.v[i] / (1 - self.beta2 ** self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class Net:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def parameters(self):
        return [self.W1, self.b1, self.W2, self.b2]

    def grads(self, x, y):
        h = np.tanh(x @ self.W1 + self.b1)
        z = h @ self.W2 + self.b2
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        dz = (p - y) / len(x)
        dh = dz @ self.W2.T * (1 - h * h)
        return [x.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0)]


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'adam',
               'beta1': 0.9,
               'beta2': 0.999,
               'eps': 1e-08,
               'formula': 'm = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; w = w - '
                          'lr*(m/(1-beta1**k))/(sqrt(v/(1-beta2**k))+eps)'}}


def train(params, x, t, lr, batches):
    net = Net(*[params[k].copy() for k in ("W1", "b1", "W2", "b2")])
    opt = Adam(net.parameters(), lr=lr)
    for rows in batches:
        opt.step(net.grads(x[rows], t[rows]))
    return {"W1": net.W1, "b1": net.b1, "W2": net.W2, "b2": net.b2}
