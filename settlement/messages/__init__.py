"""What seniors and agents are told by a channel that is not the caregiver's phone: SMS, voice, the monthly paper."""
