using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Rules between the settings of <see cref="AttentionBankOptions"/>.</summary>
internal static class AttentionBankOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void Check(this AttentionBankOptions bank)
    {
        Require(bank.Experts != 1, "Model:AttentionBank:Experts is 1; a bank has 2 or more experts, and 0 is ordinary attention");
        Require(bank.ActiveExperts <= bank.Experts,
            $"Model:AttentionBank:ActiveExperts is {bank.ActiveExperts}, but Model:AttentionBank:Experts only {bank.Experts}");
        Require(bank.Experts > 0 || bank.KeyValues != AttentionBankOptions.Shared,
            "Model:AttentionBank:KeyValues is shared, but there are no attention experts to share them; set Model:AttentionBank:Experts");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
