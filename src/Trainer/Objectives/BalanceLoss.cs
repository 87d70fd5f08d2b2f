using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>
/// Load-balancing losses (Dai et al. 2024, arXiv 2401.06066, section 3.3). Over experts: a1 * sum_i f_i P_i with
/// f_i = E / (K T) * #(tokens that chose i) and P_i the mean probability of i; over groups of experts: a2 * sum_g mean(f in g) * sum(P in g).
/// The counts carry no gradient. Experts of all kinds count, unless <see cref="Mixing"/> says otherwise.
/// </summary>
/// <param name="experts">E; N where there are experts of several kinds.</param>
/// <param name="expertCoefficient">a1, which may change in the course of training.</param>
/// <param name="groups">Device groups of equal size, in the order of the experts.</param>
/// <param name="groupCoefficient">a2.</param>
/// <param name="perSequence">Balance within each sequence and take the mean, rather than over the whole batch.</param>
public sealed class BalanceLoss(int experts, CoefficientSchedule expertCoefficient, int groups = 1, double groupCoefficient = 0, bool perSequence = false) : RouterLoss
{
    /// <summary>How f is normalized.</summary>
    public BalanceNorm Norm { get; init; }

    /// <summary>[E, E]: f times this takes the place of f in the loss over experts (<see cref="LoadMixing"/>); null: f itself.</summary>
    public HostTensor? Mixing { get; init; }

    /// <summary>Adds the losses with a positive coefficient to the context, as "balance" and "device_balance".</summary>
    /// <param name="context">Gives the sequence length where the scope is the sequence.</param>
    /// <param name="decision">T = batch * sequence, in row-major order.</param>
    public override void AddTo(ForwardContext context, RouterDecision decision)
    {
        if (expertCoefficient.At(context.Progress) is > 0 and var coefficient)
            context.AddLoss("balance", Expert(context, decision.Probabilities, decision.Picks) * coefficient);
        if (groupCoefficient > 0)
            context.AddLoss("device_balance", Device(context, decision.Probabilities, decision.Picks) * groupCoefficient);
    }

    /// <summary>The loss over experts, before its coefficient; <see cref="BalanceNorm"/> says what it is at balance.</summary>
    public Value Expert(ForwardContext context, Value probabilities, Value indices)
    {
        var (f, p) = Shares(context, probabilities, indices);
        if (Mixing is not null)
            f = f.MatMul(context.Ops.Constant(Mixing));
        return (f * p).ReduceSum([-1]).ReduceMean([0, 1], keepDims: false);
    }

    /// <summary>The loss over device groups, before its coefficient.</summary>
    public Value Device(ForwardContext context, Value probabilities, Value indices)
    {
        var (f, p) = Shares(context, probabilities, indices); // [S, 1, E]
        long[] grouped = [0, groups, experts / groups];
        return (f.Reshape(grouped).ReduceMean([-1]) * p.Reshape(grouped).ReduceSum([-1])).ReduceSum([1, 2]).ReduceMean([0, 1, 2], keepDims: false);
    }

    /// <summary>f and P as [S, 1, E], S = 1 or the number of sequences.</summary>
    private (Value F, Value P) Shares(ForwardContext context, Value probabilities, Value indices)
    {
        var ops = context.Ops;
        var length = perSequence ? context.SequenceLength : -1;
        if (perSequence && length < 0)
            throw new InvalidOperationException("A balance within sequences needs their length, but the forward pass says none.");
        long[] shape = perSequence ? [-1, length, experts] : [1, -1, experts];
        var numbers = ops.Constant(HostTensor.From(Enumerable.Range(0, experts).Select(e => (long)e).ToArray(), experts));
        var chosen = indices.Unsqueeze(-1).Equal(numbers).Cast(probabilities.Type).ReduceSum([1], keepDims: false).Reshape(shape); // [S, L, E]
        return (Loads(chosen), probabilities.Reshape(shape).ReduceMean([1]));
    }

    /// <summary>f, from where each expert was chosen [S, L, E].</summary>
    private Value Loads(Value chosen)
    {
        if (Norm != BalanceNorm.Assignments)
            return chosen.ReduceMean([1]) * (Norm == BalanceNorm.Tokens ? experts : 1);
        var counts = chosen.ReduceSum([1]); // [S, 1, E]
        // The sum of all counts stands for K T: the two differ only where picks are missing (-1).
        return counts * experts / counts.ReduceSum([-1]).Max(counts.Scalar(1));
    }
}
