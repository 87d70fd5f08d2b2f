using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Trains a supernet that is split: at the given steps each sub-supernet becomes several, and steps go to all of them in turn. Children go on with the weights and the
/// optimizer of their parent, and with its learning rate; those that begin anew have a cosine over the steps that are left.
/// </summary>
public sealed class FewShotStep : ITrainingStep
{
    private const long Purpose = 11_002;

    private readonly FewShotSupernet _model;
    private readonly SupernetOptions _supernet;
    private readonly SplitOptions _split;
    private readonly LabeledSequences _data;
    private readonly TrainerOptions _options;
    private readonly long _seed;
    private readonly Device? _device;
    private readonly SplitRule _rule;
    private readonly WeightOptimizer[] _optimizers;

    /// <param name="model">All its weights are trained here.</param>
    /// <param name="supernet">The section Supernet.</param>
    /// <param name="data">Training examples.</param>
    /// <param name="options">The section Trainer; its steps are those of all sub-supernets together.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <exception cref="UserError">Nothing is left to train after the last split.</exception>
    public FewShotStep(FewShotSupernet model, SupernetOptions supernet, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    {
        (_model, _supernet, _split, _data, _options, _seed, _device) = (model, supernet, supernet.Split, data, options, seed, device);
        if (_split.At[^1] >= options.Steps)
            throw new UserError($"Supernet:Split:At ends with step {_split.At[^1]}, but Trainer:Steps is {options.Steps}; steps must be left after the last split.");
        _rule = new(_split, model.Nodes, model.Leaves[0].Candidates[0]);
        _optimizers = [.. model.Leaves.Select(leaf => new WeightOptimizer(leaf.Weights, options))];
    }

    public StepMetrics Run(int step)
    {
        var metrics = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var phase = PhaseOf(step);
        if (step == StartOf(phase) && phase > 0)
            SplitAll(phase - 1, metrics);
        var leaf = (step - StartOf(phase)) % _model.Tree.LeavesAt(phase);
        var start = LastRestart(phase) is { } restart ? StartOf(restart) : 0;
        var supernet = _model.Leaves[leaf];
        // Not disposed of: the optimizer is this class's.
        var one = new ClassifierStep(supernet, _optimizers[leaf], _data, From(start), _seed + start, _device)
        {
            Paths = new PartPaths(supernet, _model.Tree.AllowedOf(leaf), _supernet.RandomPaths, _seed + start),
        };
        var measured = one.Run(step - start);
        metrics["sub_supernet"] = leaf;
        return measured with { Auxiliary = metrics };
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => _optimizers.SelectMany(optimizer => optimizer.Moments());

    public void SetSteps(int steps)
    {
        for (var leaf = 0; leaf < _optimizers.Length; leaf++)
            _optimizers[leaf].SetSteps(steps == 0 ? 0 : StepsMade(leaf, PhaseOf(steps - 1), steps));
    }

    public void Dispose()
    {
        foreach (var optimizer in _optimizers)
            optimizer.Dispose();
    }

    /// <summary>Splits that come before a step is made.</summary>
    private int PhaseOf(int step) => _split.At.Count(at => at <= step);

    private int StartOf(int phase) => phase == 0 ? 0 : _split.At[phase - 1];

    private bool Restarts(int phase) => phase > 0 && (_split.Restart == "all" || (_split.Restart == "final" && phase == _split.At.Length));

    private int? LastRestart(int phase) => Enumerable.Range(0, phase + 1).Where(Restarts).Select(one => (int?)one).LastOrDefault();

    /// <summary>Steps that a sub-supernet's optimizer has behind it, those of its parents among them; 0 of one that is not split off yet.</summary>
    private long StepsMade(int leaf, int phase, int end)
    {
        var leaves = _model.Tree.LeavesAt(phase);
        if (leaf >= leaves)
            return 0;
        var own = Math.Max(0, (end - StartOf(phase) - leaf + leaves - 1) / leaves);
        return phase == 0 || Restarts(phase) ? own : own + StepsMade(leaf % _model.Tree.LeavesAt(phase - 1), phase - 1, StartOf(phase));
    }

    private TrainerOptions From(int start)
    {
        if (start == 0)
            return _options;
        var rest = JsonSerializer.Deserialize<TrainerOptions>(JsonSerializer.Serialize(_options))!;
        rest.Steps -= start;
        return rest;
    }

    private void SplitAll(int level, SortedDictionary<string, double> metrics)
    {
        var parents = _model.Tree.LeavesAt(level);
        for (var parent = 0; parent < parents; parent++)
        {
            var choice = Choose(level, parent);
            _model.Tree.Split(level, parent, choice);
            metrics[$"split_edge_{parent}"] = choice.Edge;
            if (choice.Distances[choice.Edge] is { } distances)
                metrics[$"split_distance_{parent}"] = GraphPartition.Across(distances, choice.GroupOf);
            for (var child = 0; child < _model.Tree.Children; child++)
                Begin(level + 1, parent, parent + (child * parents));
        }
    }

    /// <summary>Gives a child what it begins with.</summary>
    private void Begin(int phase, int parent, int child)
    {
        if (Restarts(phase))
        {
            _model.Restart(child, (long)(StatelessRandom.Next(_seed, Purpose, phase, child) >> 1));
            _optimizers[child].Reset();
        }
        else if (child != parent)
        {
            _model.Copy(parent, child);
            using var noGrad = no_grad();
            foreach (var (to, from) in _optimizers[child].Moments().Zip(_optimizers[parent].Moments()))
                to.Moment.copy_(from.Moment);
            _optimizers[child].SetSteps(StepsMade(parent, phase - 1, StartOf(phase)));
        }
    }

    private SplitChoice Choose(int level, int parent)
    {
        var (supernet, allowed) = (_model.Leaves[parent], _model.Tree.AllowedOf(parent));
        var seed = (long)(StatelessRandom.Next(_seed, Purpose, level, parent, 1) >> 1);
        var paths = new PartPaths(supernet, allowed, 1, seed);
        return _rule.Choose(allowed, edge => GradientMatching.Distances(supernet, paths, edge, repeat => _data.Batch(seed, repeat, 0, _options.BatchSize), _split.Repeats, _device), new Random((int)(seed % int.MaxValue)));
    }
}
