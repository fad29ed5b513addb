"""Several fits from different seeds, continued, and refined with gradients: do they end at the same parameters?"""

from hodgkin_huxley import bounds, constants, currents, dt, model, voltages

from spikesmith import MSEMetric, TraceFitter

results = []
for seed in (1, 2):
    fitter = TraceFitter(
        model=model, input={"I": currents[:3]}, output={"v": voltages[:3]}, dt=dt, n_samples=60, method="exponential_euler",
        param_init={"v": "El"}, namespace=constants, seed=seed,
    )  # fmt: skip
    metric = MSEMetric()
    fitter.fit(optimizer="DE", metric=metric, n_rounds=8, callback=None, **bounds)
    fitter.fit(metric=metric, n_rounds=8, callback=None)  # goes on
    params, result = fitter.refine(calc_gradient=True, callback=None)
    print(seed, params, result.cost, result.nfev)
    results.append((params, result))
