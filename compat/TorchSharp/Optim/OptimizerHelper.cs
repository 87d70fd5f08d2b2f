using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What optimizers written in C# share: groups, states, and the loop over them.</summary>
public abstract class OptimizerHelper : optim.Optimizer
{
    private readonly List<ParamGroup> _groups = [];
    private readonly Dictionary<IntPtr, OptimizerState> _states = [];

    public OptimizerHelper() : base(IntPtr.Zero)
    {
    }

    private protected override IEnumerable<optim.ILearningRateController> Groups => _groups;

    /// <summary>Drops the gradients rather than filling them with zeros, so that the next backward pass need not add to them.</summary>
    public override void zero_grad()
    {
        foreach (var parameter in parameters())
            parameter.grad = null;
    }

    public override IEnumerable<Parameter> parameters() => _groups.SelectMany(group => group.Parameters);

    public virtual StateDictionary state_dict()
    {
        var dictionary = new StateDictionary();
        dictionary.Options.AddRange(_groups.Select(group => group.Options));
        dictionary.State.AddRange(parameters().Select(StateOf));
        return dictionary;
    }

    private protected OptimizerState StateOf(Parameter parameter) => _states[parameter.Handle];

    private protected void Include(ParamGroup group, Func<Parameter, OptimizerState> state)
    {
        _groups.Add(group);
        foreach (var parameter in group.Parameters)
        {
            var made = state(parameter);
            made.Initialize(group.Options);
            _states[parameter.Handle] = made;
        }
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    private protected void UpdateAll(Action<Parameter, Tensor, OptimizerOptions, OptimizerState> update)
    {
        using var noGrad = no_grad();
        foreach (var group in _groups)
        {
            foreach (var parameter in group.Parameters)
            {
                using var scope = NewDisposeScope();
                if (parameter.grad is { } gradient)
                    update(parameter, gradient, group.Options, StateOf(parameter));
            }
        }
    }

    private protected static Tensor? Evaluate(Func<Tensor>? closure)
    {
        if (closure is null)
            return null;
        using var grad = enable_grad();
        return closure();
    }
}
