"""A neuron that reproduces another model: the second of CompNeuroPy's examples, with other imports."""

from spikesmith.compneuro import CompNeuroExp, Neuron, OptNeuron, Results, current_step, rmse

complex_neuron = Neuron(
    parameters="""
        I_app = 0
        m_1 = 1; m_2 = 2; m_3 = 3
        n_1 = 1; n_2 = 0; n_3 = -1
    """,
    equations="""
        r_1 = m_1*I_app + n_1
        r_2 = m_2*I_app + n_2
        r_3 = m_3*I_app + n_3
        r = r_1 + r_2 + r_3
    """,
)
simple_neuron = Neuron(parameters="I_app = 0; a = 0; b = 0", equations="r = a*I_app + b")


class TwoSteps(CompNeuroExp):
    def run(self, population_name: str) -> Results:
        self.monitors.start()
        current_step(population_name, t1=500, t2=500, a1=0, a2=5)
        self.reset()
        current_step(population_name, t1=500, t2=500, a1=0, a2=10)
        self.data["population_name"] = population_name
        return self.results()


def get_loss(results_ist: Results, results_soll: Results) -> list[float]:
    ist, soll = (results.data["population_name"] + ";r" for results in (results_ist, results_soll))
    return [rmse(a[ist][:, 0], b[soll][:, 0]) for a, b in zip(results_ist.recordings, results_soll.recordings)]


opt = OptNeuron(
    experiment=TwoSteps,
    get_loss_function=get_loss,
    variables_bounds={"a": [-10, 10], "b": [-10, 10]},
    neuron_model=simple_neuron,
    target_neuron_model=complex_neuron,
    time_step=1.0,
    record=["r"],
)
fit = opt.run(max_evals=100, results_file_name=None)
print(f"a = {fit['a']:.9f}, b = {fit['b']:.9f}, loss {fit['loss']:.2g}")
