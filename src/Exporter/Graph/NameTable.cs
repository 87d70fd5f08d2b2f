namespace OnnxMoe.Exporter.Graph;

/// <summary>
/// Gives nodes and values readable, unique names: the layer's dotted name and the operator, <c>layers.0.attention/MatMul_2</c>.
/// The layer is the one whose weight was used last.
/// </summary>
internal sealed class NameTable
{
    private readonly HashSet<string> _taken = [];
    private readonly Dictionary<string, int> _count = [];
    private string _scope = "";

    /// <summary>Notes that a weight is used: what follows belongs to its layer.</summary>
    public void Enter(string weight) => _scope = weight.LastIndexOf('.') is > 0 and var dot ? weight[..dot] : "";

    /// <summary>Claims exactly this name; false when it is taken.</summary>
    public bool TryTake(string name) => _taken.Add(name);

    /// <summary>A new name for a node of the operator <paramref name="op"/>.</summary>
    public string ForNode(string op) => Unique(_scope.Length == 0 ? op : $"{_scope}/{op}");

    /// <summary><paramref name="wanted"/>, or with a number appended when that is taken.</summary>
    public string Unique(string wanted)
    {
        if (_taken.Add(wanted))
        {
            _count[wanted] = 1;
            return wanted;
        }
        string name;
        do
        {
            _count[wanted] = _count.GetValueOrDefault(wanted, 1) + 1;
            name = $"{wanted}_{_count[wanted]}";
        }
        while (!_taken.Add(name));
        return name;
    }
}
