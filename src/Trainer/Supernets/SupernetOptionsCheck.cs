using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Rules between the sections of <see cref="SupernetOptions"/> that train in a way of their own, and the section Trainer.</summary>
internal static class SupernetOptionsCheck
{
    /// <exception cref="UserError">Names the first settings that do not go together.</exception>
    public static void CheckSteps(this SupernetOptions options, TrainerOptions trainer)
    {
        var (copies, tickets) = (options.Copies.Count > 1, options.Tickets.IsOn);
        Require(!copies || options.Space.Length > 0, $"Supernet:Copies:Count is {options.Copies.Count}, but there is no Supernet:Space to share; name one, or set it to 1");
        Require(!copies || options.IsSoft() || options.Paths == "uniform", $"Supernet:Paths is {options.Paths}, but Supernet:Copies draws one architecture a step, uniformly; set it to uniform");
        Require(!tickets || (options.Space.Length == 0 && !copies), "Supernet:Tickets searches without a search space; leave Supernet:Space and Supernet:Copies out");
        Require(!(copies || tickets) || trainer.Accumulation == 1, $"Trainer:Accumulation is {trainer.Accumulation}, but Supernet:{(copies ? "Copies" : "Tickets")} makes a step of one batch; set it to 1");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
