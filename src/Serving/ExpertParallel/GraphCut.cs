using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// A graph cut at its routed layers: what runs before the experts of the first one, between two, and after the last. A node runs as early as it
/// can, so that shared experts, which need no routing, are done before the tokens leave.
/// </summary>
internal sealed class GraphCut
{
    private const int Elsewhere = -1;
    private readonly GraphProto _graph;
    private readonly string _file;
    private readonly HashSet<string> _initializers;
    private readonly Dictionary<string, int> _madeIn = []; // the first segment that can use a value
    private readonly Dictionary<string, HashSet<int>> _usedIn = []; // segments that do; Elsewhere: experts, and the graph's outputs
    private readonly List<ExpertCall> _calls = [];

    /// <param name="model">The model, without its external data.</param>
    /// <param name="file">What to call it in errors.</param>
    /// <exception cref="UserError">It cannot be cut.</exception>
    public GraphCut(ModelProto model, string file)
    {
        (_graph, _file) = (model.Graph, file);
        _initializers = [.. _graph.Initializer.Select(tensor => tensor.Name)];
        RequireExperts();
        var sites = SitesByIndices();
        foreach (var output in _graph.Output)
            Use(output.Name, Elsewhere);
        var nodes = new List<List<NodeProto>> { new() };
        foreach (var node in _graph.Node)
        {
            var used = ValueNames.UsedBy(node).ToHashSet();
            var segment = used.Select(name => _madeIn.GetValueOrDefault(name)).DefaultIfEmpty(0).Max();
            var isCall = IsExperts(node);
            if (isCall)
                _calls.Add(CallOf(node, segment, sites));
            while (nodes.Count <= segment + (isCall ? 1 : 0))
                nodes.Add([]);
            if (!isCall)
                nodes[segment].Add(node);
            foreach (var name in used)
                Use(name, isCall ? Elsewhere : segment);
            foreach (var output in node.Output.Where(name => name.Length > 0))
                _madeIn[output] = isCall ? segment + 1 : segment;
        }
        Segments = [.. nodes.Select(Segment)];
    }

    /// <summary>The segments; the experts of those with number s come between segments s and s + 1.</summary>
    public IReadOnlyList<GraphSegment> Segments { get; }

    /// <summary>The places where experts are applied, in the order in which a token meets them.</summary>
    public IReadOnlyList<ExpertCall> Calls => _calls;

    private static bool IsExperts(NodeProto node) => MoeFunctions.IsRoutedFfn(node.Domain, node.OpType);

    private void RequireExperts()
    {
        if (_graph.Node.Any(node => node.Domain == "com.microsoft" && node.OpType.EndsWith("MoE", StringComparison.Ordinal)))
            throw Uncut("it was exported for ONNX Runtime's own MoE operator, which holds all experts of a layer; serve an export of the target onnxmoe or onnx (--file model.onnx)");
        if (_graph.SparseInitializer.Count > 0 || _graph.Node.SelectMany(ValueNames.Subgraphs).SelectMany(graph => graph.Node).Any(IsExperts))
            throw Uncut("it applies experts inside a branch or loop, or has sparse weights");
        if (!_graph.Node.Any(IsExperts))
            throw Uncut($"it has no routed layer (no node {MoeFunctions.Domain}:{MoeFunctions.GroupedFfn})");
    }

    /// <summary>
    /// The layers and iterations whose chosen experts a value holds, from the outputs that report them. There are several where a router decides
    /// for all layers at once; their experts are applied in this order.
    /// </summary>
    private Dictionary<string, Queue<RoutingSite>> SitesByIndices()
    {
        var producers = _graph.Node.SelectMany(node => node.Output.Where(name => name.Length > 0).Select(output => (output, node))).ToDictionary(pair => pair.output, pair => pair.node);
        return _graph.Output.Select(output => RoutingSite.OfIndices(output.Name)).OfType<RoutingSite>().Order()
            .GroupBy(site => Source(site.IndicesOutput)).ToDictionary(group => group.Key, group => new Queue<RoutingSite>(group));

        string Source(string name)
        {
            while (producers.TryGetValue(name, out var node) && node.OpType is "Reshape" or "Identity")
                name = node.Input[0];
            return name;
        }
    }

    private ExpertCall CallOf(NodeProto node, int segment, Dictionary<string, Queue<RoutingSite>> sites)
    {
        if (!sites.TryGetValue(node.Input[1], out var open) || !open.TryDequeue(out var site))
            throw Uncut($"{node.Name} does not report its routing (an output routing.*.indices); export it again");
        string[] stacks = [.. node.Input.Skip(ExpertCall.Operands)];
        if (stacks.FirstOrDefault(name => name.Length > 0 && !_initializers.Contains(name)) is { } computed)
            throw Uncut($"the weights '{computed}' of {node.Name} are computed while it runs, not stored");
        if (node.Input.Take(ExpertCall.Operands).FirstOrDefault(_initializers.Contains) is { } constant)
            throw Uncut($"'{constant}', an input of {node.Name}, is a constant");
        if (_graph.Output.Any(output => output.Name == node.Output[0]))
            throw Uncut($"the result of {node.Name} is an output of the model");
        return new(node, site, segment, stacks);
    }

    private GraphSegment Segment(List<NodeProto> nodes, int number)
    {
        var made = nodes.SelectMany(node => node.Output).Where(name => name.Length > 0).ToHashSet();
        var inputs = _graph.Input.Select(input => input.Name).ToHashSet();
        // Names inside of a subgraph may be its own; what the graph does not know is not from outside.
        var read = nodes.SelectMany(ValueNames.UsedBy).Distinct().Where(name => !made.Contains(name) && (inputs.Contains(name) || _madeIn.ContainsKey(name)));
        return new(nodes, [.. read], [.. made.Where(name => _usedIn.GetValueOrDefault(name)?.Any(user => user != number) == true)]);
    }

    private void Use(string name, int user)
    {
        if (!_usedIn.TryGetValue(name, out var users))
            _usedIn[name] = users = [];
        users.Add(user);
    }

    private UserError Uncut(string why) => new($"{_file} cannot be served on several devices: {why}. --devices 1 serves it as it is.");
}
