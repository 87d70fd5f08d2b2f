using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Stochastic gradient descent with momentum (Sutskever et al. 2013).</summary>
public class SGD : OptimizerHelper
{
    private readonly Options _defaults;

    public SGD(IEnumerable<Parameter> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
        : this([new ParamGroup { Parameters = parameters }], lr, momentum, dampening, weight_decay, nesterov, maximize)
    {
    }

    public SGD(IEnumerable<ParamGroup> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
    {
        if (nesterov && (momentum <= 0 || dampening != 0))
            throw new ArgumentException("Nesterov momentum requires a momentum and zero dampening");
        _defaults = new Options { LearningRate = lr, InitialLearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay, nesterov = nesterov, maximize = maximize };
        foreach (var group in parameters)
            add_param_group(group);
    }

    public override void add_param_group(Modules.ParamGroup param_group)
    {
        param_group.Parameters = [.. param_group.Parameters];
        var options = ((ParamGroup)param_group).Options;
        options.LearningRate ??= _defaults.LearningRate;
        if (options.InitialLearningRate == 0)
            options.InitialLearningRate = options.LearningRate!.Value;
        options.momentum ??= _defaults.momentum;
        options.dampening ??= _defaults.dampening;
        options.weight_decay ??= _defaults.weight_decay;
        options.nesterov ??= _defaults.nesterov;
        options.maximize ??= _defaults.maximize;
        Include(param_group, parameter => new State(parameter));
    }

    public override Tensor step(Func<Tensor>? closure = null)
    {
        var loss = Evaluate(closure);
        UpdateAll((parameter, gradient, options, state) => Update(parameter, gradient, (Options)options, (State)state));
        return loss!;
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var state in state_dict().State)
            ((State)state).Dispose();
        base.Dispose(disposing);
    }

    private static void Update(Parameter parameter, Tensor gradient, Options options, State state)
    {
        var (momentum, dampening) = (options.momentum!.Value, options.dampening!.Value);
        if (options.maximize!.Value)
            gradient = gradient.neg();
        if (options.weight_decay != 0)
            gradient = gradient.add(parameter, alpha: options.weight_decay!.Value);
        if (momentum != 0)
        {
            if (state.momentum_buffer is null)
                state.momentum_buffer = gradient.clone().DetachFromDisposeScope();
            else
                state.momentum_buffer.mul_(momentum).add_(gradient, alpha: 1 - dampening);
            gradient = options.nesterov!.Value ? gradient.add(state.momentum_buffer, alpha: momentum) : state.momentum_buffer;
        }
        parameter.add_(gradient, alpha: -options.LearningRate!.Value);
    }

    public class Options : OptimizerOptions
    {
        public double? momentum;
        public double? dampening;
        public double? weight_decay;
        public bool? nesterov;
        public bool? maximize;
    }

    public class ParamGroup : ParamGroup<Options>
    {
        public ParamGroup() => Options = new Options();

        public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options)
        {
        }

        public ParamGroup(IEnumerable<Parameter> parameters, double lr = 0.001, double momentum = 0, double dampening = 0, double weight_decay = 0,
            bool nesterov = false, bool maximize = false)
            : base(parameters, new Options { LearningRate = lr, InitialLearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay, nesterov = nesterov, maximize = maximize })
        {
        }
    }

    public class State(Parameter parameter) : OptimizerState(parameter), IDisposable
    {
        /// <summary>Null before the first step with a gradient.</summary>
        public Tensor? momentum_buffer;

        public override void Initialize(OptimizerOptions options) => momentum_buffer = null;

        public void Dispose()
        {
            momentum_buffer?.Dispose();
            GC.SuppressFinalize(this);
        }
    }
}
