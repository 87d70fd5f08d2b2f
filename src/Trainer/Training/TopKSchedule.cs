using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// How many experts a token activates in each optimizer step, the same for all layers and tokens (SMoE-Dropout, Chen et al. 2023,
/// arXiv 2303.01610). With a and b the first and the last number and T the steps: linear, a + [(b - a) t / T]; cosine,
/// b + [-(b - a) cos(pi t / 2T)]; exponential, b + [-(b - a) 0.99^floor(t / floor(T / 300))]; brackets round, halves to even. Multi-step: a list of numbers, each for an equal part of the steps.
/// </summary>
public sealed class TopKSchedule
{
    private const int ExponentialPieces = 300;

    private readonly string _kind;
    private readonly int _first;
    private readonly int _last;
    private readonly int[] _stages;
    private readonly int _steps;

    private TopKSchedule(ModelOptions model, int steps)
    {
        var options = model.Router.ActiveExperts;
        (_kind, _first, _last, _stages, _steps) = (options.Schedule, options.Least, model.ExpertsPerToken, options.Stages, steps);
    }

    /// <summary>The schedule of a model, whose settings are checked; null where the number does not change.</summary>
    /// <exception cref="UserError">Too few steps for an exponential schedule.</exception>
    public static TopKSchedule? Of(ModelOptions model, TrainerOptions trainer)
    {
        var kind = model.Router.ActiveExperts.Schedule;
        if (kind == "none" || model.FirstDenseLayers == model.Layers)
            return null;
        if (kind == "exponential" && trainer.Steps < ExponentialPieces)
            throw new UserError($"Model:Router:ActiveExperts:Schedule is exponential, which changes every {ExponentialPieces}th part of the training, but Trainer:Steps is {trainer.Steps}; "
                + $"it must be {ExponentialPieces} or more.");
        return new TopKSchedule(model, trainer.Steps);
    }

    /// <summary>The number in a step.</summary>
    /// <param name="step">t, counted from 0; T, behind the last, gives the end point.</param>
    public int At(int step)
    {
        if (_kind == "multi-step")
            return _stages[Math.Min((int)((long)step * _stages.Length / _steps), _stages.Length - 1)];
        var span = _last - _first;
        var number = _kind switch
        {
            "linear" => Round((double)span * step / _steps) + _first,
            "cosine" => Round(-span * Math.Cos(Math.PI * step / (2.0 * _steps))) + _last,
            _ => Round(-span * Math.Pow(0.99, step / (_steps / ExponentialPieces))) + _last,
        };
        return Math.Clamp(number, _first, _last);
    }

    private static int Round(double change) => (int)Math.Round(change, MidpointRounding.ToEven);
}
