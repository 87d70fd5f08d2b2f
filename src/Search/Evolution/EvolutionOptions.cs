using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Search.Evolution;

/// <summary>The recipe's section Search:Evolution.</summary>
public sealed class EvolutionOptions
{
    [Setting("Architectures of a generation", Min = 2)]
    public int Population { get; set; } = 50;

    [Setting("Probability that two parents are crossed (simulated binary crossover)", Min = 0, Max = 1)]
    public double Crossover { get; set; } = 0.9;

    [Setting("Distribution index of the crossover: the larger, the nearer children are to their parents", Min = 0)]
    public double CrossoverIndex { get; set; } = 15;

    [Setting("Probability that a child is mutated at all (polynomial mutation)", Min = 0, Max = 1)]
    public double Mutation { get; set; } = 1;

    [Setting("Probability that a gene of such a child changes; 0: 0.02, or one gene of all where that is more", Min = 0, Max = 1)]
    public double GeneMutation { get; set; }

    [Setting("Distribution index of the mutation", Min = 0)]
    public double MutationIndex { get; set; } = 20;
}
