using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Programs;

/// <summary>The values known by name in one graph, and through it those of the graphs around it.</summary>
internal sealed class ProgramValues(ProgramValues? outer)
{
    private readonly Dictionary<string, Value?> _values = [];

    public Value? this[string name]
    {
        set => _values[name] = value;
    }

    /// <summary>The value of a name; null for "" (an omitted input) and for an omitted input of a function.</summary>
    public Value? Find(string name)
    {
        if (name.Length == 0)
            return null;
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out var value))
                return value;
        }
        throw new Artifacts.UserError($"The model uses the value '{name}', which nothing produces before.");
    }

    private ProgramValues? Outer { get; } = outer;

    /// <summary>Forgets a value of this graph, and frees its memory where it was computed here.</summary>
    public void Release(string name)
    {
        if (_values.Remove(name, out var value) && value is TorchValue { IsComputed: true } torch)
            torch.Tensor.Dispose();
    }
}
