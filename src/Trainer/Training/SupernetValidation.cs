using System.Globalization;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Trainer.Training;

/// <summary>Measures a supernet in the course of its training by a few of its architectures, always the same.</summary>
internal static class SupernetValidation
{
    private const int RandomArchitectures = 8;
    private const int Draws = 1000;

    /// <summary>With the sandwich rule the largest and the smallest architecture, between which the others lie; otherwise some at random.</summary>
    public static Validation Run(ISupernet supernet, SupernetOptions options, ClassifierEvaluator evaluator, LabeledSequences data)
    {
        var space = supernet.Space;
        var isSandwich = options.Paths == SupernetOptions.Sandwich;
        Architecture[] architectures = isSandwich ? [space.Smallest, space.Largest] : Some(supernet);
        Classification[] measured = [.. architectures.Select(architecture =>
        {
            supernet.Active = architecture;
            (supernet as SupernetCopies)?.ChooseBusiest(architecture);
            return evaluator.Run(data);
        })];
        var (loss, accuracy) = (measured.Average(one => one.Loss), measured.Average(one => one.Accuracy));
        var entry = measured[^1].ToMetrics();
        entry["validation_loss"] = loss;
        entry[isSandwich ? "smallest_accuracy" : "mean_accuracy"] = isSandwich ? measured[0].Accuracy : accuracy;
        return new(loss, entry, isSandwich ? string.Create(CultureInfo.InvariantCulture, $", accuracy {measured[1].Accuracy:P1} (smallest {measured[0].Accuracy:P1})")
            : string.Create(CultureInfo.InvariantCulture, $", accuracy {accuracy:P1} (mean of {measured.Length} architectures)"));
    }

    private static Architecture[] Some(ISupernet supernet)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, Draws).Select(_ => supernet.Space.Random(random)).Where(supernet.IsValid).Distinct().Take(RandomArchitectures)];
    }
}
